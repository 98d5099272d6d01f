"""What is done in a cloud account."""
