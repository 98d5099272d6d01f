"""Whether what is lost can be had again."""
