"""The lab as a child that ends with its parent: ``python -m benchmarks.lab_process OPTION…``, as for `tenantry lab`."""

from __future__ import annotations

import sys

from tenantry import tether


def main() -> None:
    """Does not return before it is told to end."""
    tether.hold()
    from console.main import main as tenantry

    tenantry(["lab", *sys.argv[1:]])


if __name__ == "__main__":
    main()
