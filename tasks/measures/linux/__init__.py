"""How Linux hosts are set up."""
