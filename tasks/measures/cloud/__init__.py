"""How cloud accounts are set up."""
