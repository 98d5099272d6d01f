"""Measures: questions about how a client stands that baselines ask; one file each."""
