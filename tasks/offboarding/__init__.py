"""A client leaves: their contact's word, what is held, the package that they accept, our access removed and tried."""
