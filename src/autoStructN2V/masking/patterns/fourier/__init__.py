"""Patterns as places in the spectrum: pointed at, chosen by a person, taken out or left in."""
