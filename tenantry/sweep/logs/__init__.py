"""Readers of log files, one module a format: streams in, events out, in memory that does not grow."""
