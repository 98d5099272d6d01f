"""How mail is set up."""
