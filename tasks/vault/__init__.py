"""What a run needs of the vault from people: credentials that a client is to hand over."""
