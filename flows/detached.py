"""Carry one run on in a process of its own: ``python -m flows.detached RUN_ID`` (what ``tenantry run --no-wait`` leaves)."""

from __future__ import annotations

import sys

from flows import launch
from flows.assembly import Installation


def main() -> None:
    with Installation.open() as installation:
        launch.resume(installation, sys.argv[1])


if __name__ == "__main__":
    main()
