"""Who gets in, with what, and from where."""
