"""The sources of alerts there are, one file each."""
