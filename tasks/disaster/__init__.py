"""Activating a disaster recovery plan: what is down, who declares, what was achieved."""
