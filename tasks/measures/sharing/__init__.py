"""With whom files are shared."""
