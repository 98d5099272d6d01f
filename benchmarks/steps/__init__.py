"""What a step of a run costs, and how fast an account is contained."""
