"""The risk register of each client. Entries of the client's tree are the authority; everything shown is folded from them."""
