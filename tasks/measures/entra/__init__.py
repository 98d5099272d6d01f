"""How a directory of Entra ID is set up."""
