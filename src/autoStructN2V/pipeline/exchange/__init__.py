"""Models as packages of the BioImage Model Zoo, which other programs can apply."""
