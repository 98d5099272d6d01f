"""Replacing the credentials with which we sign in to clients' systems."""
