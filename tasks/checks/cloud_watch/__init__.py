"""What watches a cloud account."""
