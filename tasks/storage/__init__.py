"""Work on object storage: what an attacker changed in it, and getting old versions back."""
