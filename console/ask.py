"""Codes and secrets: from a prompt that shows nothing, or from stdin. Never from an argument, so never in a process list
or a shell's history."""

from __future__ import annotations

import getpass
import io
import os
import select
import sys
from typing import Final

from pydantic import SecretBytes, SecretStr

from tenantry.errors import InvalidInput

__all__ = ["code", "new_passphrase", "new_secret", "optional_code", "passphrase"]

_LONGEST_LINE: Final = 4_096
_LONGEST_SECRET: Final = 1_048_576
_OPTIONAL_WAIT: Final = 2.0
"""Seconds that a command waits for a code that it can do without: a pipe that nobody writes to must not stop a run."""
_REQUIRED_WAIT: Final = 120.0


def code(person: str) -> SecretStr:
    """The person's current one-time code.

    Raises:
        InvalidInput: none was given.
    """
    given = _line(f"Code of {person}: ", _REQUIRED_WAIT)
    if given is None:
        raise InvalidInput(
            f"no code of {person} was given",
            place="stdin",
            remedy="Type it at the prompt, or give it as one line on stdin.",
        )
    return given


def optional_code(person: str) -> SecretStr | None:
    """As `code`, where going on without is possible: None when nothing was given."""
    return _line(f"Code of {person} (empty: go on unproven): ", _OPTIONAL_WAIT)


def new_secret(name: str) -> SecretBytes:
    """A secret to be stored: typed twice at a prompt; else all of stdin (a certificate has many lines) without its final
    line break.

    Raises:
        InvalidInput: nothing was given, too much, or the two differ.
    """
    if _interactive():
        first = getpass.getpass(f"Secret {name}: ").encode()
        if first != getpass.getpass("Once more: ").encode():
            raise InvalidInput("the two differ", place="prompt")
        value = first
    else:
        value = b"" if sys.stdin is None else sys.stdin.buffer.read(_LONGEST_SECRET + 3)
        value = value.removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise InvalidInput("no secret was given", place="stdin", remedy="Type it at the prompt, or give it on stdin.")
    if len(value) > _LONGEST_SECRET:
        raise InvalidInput("a secret has at most 1 MiB", place="stdin")
    return SecretBytes(value)


def passphrase(what: str) -> SecretStr:
    """A passphrase: typed at a prompt, else one line of stdin.

    Raises:
        InvalidInput: none was given.
    """
    given = _line(f"Passphrase of {what}: ", _REQUIRED_WAIT)
    if given is None:
        raise InvalidInput("no passphrase was given", place="stdin", remedy="Type it, or give it as one line on stdin.")
    return given


def new_passphrase(what: str) -> SecretStr:
    """As `passphrase`, typed twice at a prompt.

    Raises:
        InvalidInput: none was given, or the two differ.
    """
    first = passphrase(what)
    if _interactive() and passphrase(f"{what}, once more").get_secret_value() != first.get_secret_value():
        raise InvalidInput("the two differ", place="prompt")
    return first


def _line(prompt: str, seconds: float) -> SecretStr | None:
    if _interactive():
        return _kept(getpass.getpass(prompt))
    if sys.stdin is None or not _readable(seconds):
        return None
    line = sys.stdin.buffer.readline(_LONGEST_LINE)
    return _kept(line.decode("utf-8", "replace"))


def _interactive() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _kept(text: str) -> SecretStr | None:
    stripped = text.strip()
    return SecretStr(stripped) if stripped else None


def _readable(seconds: float) -> bool:
    """Whether stdin has something, or has ended, within that time."""
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError, io.UnsupportedOperation):
        return True  # a buffer in memory has its end
    if os.name != "posix":
        return True  # select takes only sockets there
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return bool(ready)
