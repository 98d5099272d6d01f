"""Baselines: what is required of a client's systems, as data, and how each requirement is answered. Never a pass by silence."""
