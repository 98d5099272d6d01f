"""The client's risk register."""
