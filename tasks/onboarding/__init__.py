"""Taking a client on: what was agreed, who proves what, how we reach their systems, who looks after them."""
