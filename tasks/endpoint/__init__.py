"""Phones and computers that the client manages: retired, wiped."""
