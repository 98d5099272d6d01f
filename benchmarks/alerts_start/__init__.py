"""From the creation of a flow run to its first effect at a vendor, and how many runs come through at once."""
