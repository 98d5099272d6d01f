"""The command families, one module each. None of them imports anything heavy before its command is called."""
