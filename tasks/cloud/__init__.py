"""Work on a cloud account: keys, principals, machines, and what guards the data."""
