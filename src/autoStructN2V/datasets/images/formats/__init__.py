"""File formats: which there are, how their headers and planes are read, how results are written."""
