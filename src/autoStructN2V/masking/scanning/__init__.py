"""What a scanner does to its rows: those of the way back lie beside those of the way there."""
