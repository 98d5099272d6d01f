"""The embedded secret store against plain SQLite and AES-GCM."""
