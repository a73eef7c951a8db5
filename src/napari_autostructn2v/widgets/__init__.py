"""Widgets that several docks are made of."""
