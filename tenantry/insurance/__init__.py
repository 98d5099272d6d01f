"""What a client's cyber insurance requires, held against what was measured."""
