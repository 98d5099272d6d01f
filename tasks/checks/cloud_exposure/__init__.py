"""What of a cloud account lies open."""
