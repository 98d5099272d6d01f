"""Names that point to where a system is now."""
