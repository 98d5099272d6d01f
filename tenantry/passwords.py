"""Passwords that nobody has to remember."""

from __future__ import annotations

import secrets
import string
from typing import Final

from pydantic import SecretStr

__all__ = ["new_password"]

_ALPHABET: Final = string.ascii_letters + string.digits + "!#%+-_=?"
_LENGTH: Final = 24


def new_password() -> SecretStr:
    """24 characters, about 146 bits; always of all four classes that directories ask for, and none that a shell, a URL or
    ``chpasswd`` takes for something else (no colon, no space, no quote)."""
    while True:
        text = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        classes = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
        if all(any(test(c) for c in text) for test in classes):
            return SecretStr(text)
