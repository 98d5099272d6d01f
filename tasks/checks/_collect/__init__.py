"""Where facts come from: async generators over a tenant's capabilities, shared by the checks that look at the same kind of fact."""
