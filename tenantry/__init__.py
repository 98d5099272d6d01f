"""Contracts and the record: what every other package stands on. Imports none of them, and never Prefect."""

__version__ = "0.1.0"
