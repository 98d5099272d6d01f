"""What only people can do: answers and acts of theirs, proven and recorded."""
