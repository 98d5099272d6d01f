"""Alerts from outside: read, accepted durably, correlated, and ended each in a run, the queue, merged or suppressed, with a reason."""
