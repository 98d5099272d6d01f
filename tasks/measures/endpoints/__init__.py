"""Hosts and devices."""
