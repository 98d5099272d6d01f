"""Whether the runbooks on the disk are still those that a process loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from flows.assembly import RUNBOOKS
from tenantry.home import Home


def fingerprint(home: Home) -> str:
    """Of name, size and time of every runbook, the operator's own and the shipped ones. Reads no file's content: a process
    asks at every run."""
    return fingerprint_of(path for folder in (home.runbooks, RUNBOOKS) for path in sorted(folder.rglob("*.yaml")))


def fingerprint_of(paths: Iterable[Path]) -> str:
    """Of name, size and time of files; one that is not there counts as such."""
    seen = hashlib.sha256()
    for path in paths:
        seen.update(_line(path))
    return seen.hexdigest()


def _line(path: Path) -> bytes:
    try:
        found = path.stat()
    except FileNotFoundError:  # taken away just now
        return b""
    return f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode()
