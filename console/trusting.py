"""Whose signatures count for commands that verify what others handed over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tenantry.proof import TrustStore

__all__ = ["KEY", "content", "trust_of"]

KEY = click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The signer's keys, which came on another way: from `tenantry keys export`, or PEM. Else this machine's own.",
)


def trust_of(key: Path | None, envelope: bytes | None = None) -> TrustStore | None:
    """The keys that were brought, else this machine's own; None when there are none, or those do not know who signed the
    envelope: then nobody here can say, which is not the same as a wrong signature."""
    from tenantry.errors import InvalidInput
    from tenantry.home import Home
    from tenantry.proof import TrustStore
    from tenantry.proof.dsse import read_statement

    if key is not None:
        return TrustStore.read(key)
    store = TrustStore.folder(Home.locate().trust)
    if envelope is None:
        return store if store.keys else None
    try:
        signer = read_statement(envelope)[1]
    except InvalidInput:
        return store  # said where it is checked
    return store if any(one.fingerprint == signer for keys in store.keys.values() for one in keys) else None


def content(path: Path, place: str) -> bytes:
    """A file's bytes. Raises InvalidInput, naming the option it was given by."""
    from tenantry.errors import InvalidInput

    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror})", place=place) from error
