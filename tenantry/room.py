"""Whether there is room on the disk to begin something: what cannot be recorded is not done, so it had better not be begun."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["NEEDED", "enough", "free"]

NEEDED: Final = 64 << 20
"""Bytes that must be left for a run to begin. What is under way may use them to be recorded."""


def free(folder: Path) -> int:
    """Bytes that this account may still write on the folder's file system (statvfs(3), f_bavail)."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def enough(folder: Path) -> bool:
    """Whether something new may be begun."""
    return free(folder) >= NEEDED
