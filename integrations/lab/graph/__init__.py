"""Microsoft Graph, as much of it as runbooks use."""
