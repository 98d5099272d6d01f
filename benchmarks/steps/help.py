"""How long `tenantry --help` takes, from starting the process to its end."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary

_TARGET_S = 0.3
_REPORT = (
    "import sys; from console.main import cli\n"
    "try:\n    cli.main(['--help'], prog_name='tenantry')\n"
    "finally:\n    from benchmarks.model import peak_rss_mb; sys.stderr.write(f'\\n{peak_rss_mb()}')"
)


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """The median over ``scale.starts`` starts, each beside a start of the bare interpreter, after one of each that fills
    the file cache."""
    del option
    script = Path(sys.executable).with_name("tenantry")
    command = [str(script)] if script.exists() else [sys.executable, "-c", "from console.main import main; main()"]
    ours: list[float] = []
    bare: list[float] = []
    for turn in range(scale.starts + 1):
        took, base = _took([*command, "--help"]), _took([sys.executable, "-c", "pass"])
        if turn:
            ours.append(took)
            bare.append(base)
    value, baseline = statistics.median(ours), statistics.median(bare)
    return Bench(
        name=name,
        value=round(value, 4),
        unit="s",
        baseline=Baseline("python -c pass", round(baseline, 4)),
        ratio=round(value / baseline, 2),
        target=f"value <= {_TARGET_S} s",
        met=value <= _TARGET_S,
        peak_rss_mb=_size(),
        detail={"help_s": summary(ours, 4), "bare_interpreter_s": summary(bare, 4), "command": "tenantry --help"},
    )


def _took(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def _size() -> float:
    done = subprocess.run([sys.executable, "-c", _REPORT], capture_output=True, text=True, check=False)
    last = done.stderr.rpartition("\n")[2]
    return float(last) if last.replace(".", "", 1).isdigit() else peak_rss_mb()
