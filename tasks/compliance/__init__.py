"""How a client stands against what is required."""
