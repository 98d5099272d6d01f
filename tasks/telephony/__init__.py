"""Telephone numbers of people."""
