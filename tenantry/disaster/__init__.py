"""Disaster recovery: plans, the runbooks that are made of them, what was achieved, and the report."""
