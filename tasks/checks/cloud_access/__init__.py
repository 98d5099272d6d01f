"""Who can get into a cloud account."""
