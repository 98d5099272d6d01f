"""How people and alerts come in: the `tenantry` command."""
