"""One benchmark in a process of its own: ``python -m benchmarks.child NAME`` prints its figure as JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys

from benchmarks.model import Bench, Scale
from benchmarks.registry import BENCHES


def main() -> int:
    """Returns the process's exit code."""
    name = sys.argv[1]
    spec = BENCHES[name]
    module, _, function = spec.target.partition(":")
    scale = Scale.small() if os.environ.get("TENANTRY_BENCH_QUICK") else Scale()
    out = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no part of the document
    bench: Bench = getattr(importlib.import_module(module), function)(name, scale, spec.option)
    json.dump(bench.as_dict(), out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
