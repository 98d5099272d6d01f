"""Addresses that settings give. Imports nothing heavy: settings are read where no client is loaded."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["plain_address"]


def plain_address(value: str) -> str:
    """An address as a setting may give it: https, or http on this machine; no user, query or fragment.

    Raises:
        ValueError: anything else.
    """
    found = urlsplit(value)
    loopback = found.hostname in ("127.0.0.1", "::1", "localhost")
    if found.scheme != "https" and not (found.scheme == "http" and loopback):
        raise ValueError("must begin with https:// (http:// only on this machine)")
    if not found.hostname or found.query or found.fragment or found.username or found.password:
        raise ValueError("must be a plain address without user, query or fragment")
    return value.rstrip("/")
