"""Deadlines that start from a person's determination."""
