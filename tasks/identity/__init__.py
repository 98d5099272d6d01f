"""Accounts of the tenant's directory: sign-in, sessions, passwords, methods, consents, devices."""
