"""Programs of others that tests hold ours against: requirements/debian.txt has them, and `make test` installs them."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(there: bool, what: str) -> None:
    """Skip where something is missing that `make test` may not install here; fail in CI: what CI does not test, nobody tests."""
    if there:
        return
    why = f"{what} is missing, and `make test` may not install it; install the packages in requirements/debian.txt"
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def needs_program(name: str) -> None:
    """As :func:`needs`, for a program on the PATH."""
    needs(shutil.which(name) is not None, name)
