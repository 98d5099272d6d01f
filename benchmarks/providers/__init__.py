"""The providers against the plain clients of their vendors."""
