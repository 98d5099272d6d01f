"""Tasks on alerts."""
