"""Mailboxes: rules, forwarding, delegates, messages sent."""
