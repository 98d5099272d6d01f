"""Whether what is planned for the worst day was tried."""
