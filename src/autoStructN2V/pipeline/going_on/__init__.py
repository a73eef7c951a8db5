"""Trainings that begin with the networks of an earlier one: continued, or fine-tuned."""
