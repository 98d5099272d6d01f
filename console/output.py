"""The ``-o`` file: whole or not at all, and for the owner's eyes."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tenantry.errors import InvalidInput

__all__ = ["written"]


@contextlib.contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes its place at ``path`` when the block ends well; mode 0600, since it holds a client's data.
    ``-`` is stdout.

    Raises:
        InvalidInput: the place cannot be written to.
    """
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror})", place="-o") from error
