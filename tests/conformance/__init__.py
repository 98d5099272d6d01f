"""What every provider of a capability must do, written against the Protocol alone. A provider's test class inherits a suite and
gives it a world: the provider, and what is known to be true of the tenant behind it."""
