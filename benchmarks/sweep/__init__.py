"""Figures of the sweep."""
