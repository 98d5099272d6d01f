"""Who may act for a run: a lease with a fencing token.

The token grows with every new owner, and every append of a run names it, so a process that was suspended and wakes up
after another took over can record nothing more, and hence do nothing more: an effect needs its intent recorded first.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LIFE: Final = 15.0
"""Seconds a lease lives without renewal."""


class LeaseHeld(Exception):  # not a failure: the caller waits or goes away
    """Another live process owns the run. ``seconds`` until the lease lapses unless it is renewed."""

    def __init__(self, owner: str, seconds: float) -> None:
        super().__init__(f"owned by {owner} for another {seconds:.1f} s")
        self.owner = owner
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to act for a run, as long as nobody has a newer one. ``life``: seconds each append renews it for."""

    run_id: str
    token: int
    life: float = LIFE


@dataclass(frozen=True, slots=True)
class Lease:
    fence: Fence
    taken_over: bool
    """There was an owner before who did not release it."""


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _start_ticks(pid: int) -> str | None:
    """When the process started, in clock ticks since boot (proc_pid_stat(5), field 22); None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rsplit(")", 1)[1].split()
    return None if fields[0] in {"Z", "X"} else fields[19]


def this_process() -> str:
    """Owner text: host, boot, process id and start time. Two processes never share it, also after ids wrap around."""
    pid = os.getpid()
    return f"{socket.gethostname()}|{_boot_id()}|{pid}|{_start_ticks(pid) or 0}"


def process(pid: int) -> str | None:
    """Owner text of another process of this machine; None when there is none of this id."""
    ticks = _start_ticks(pid)
    return None if ticks is None else f"{socket.gethostname()}|{_boot_id()}|{pid}|{ticks}"


def known_dead(owner: str) -> bool:
    """Whether the owner certainly no longer runs: same machine and boot, and no process with that id and start time.

    False when it cannot be told (another machine): then the lease must lapse by itself.
    """
    try:
        host, boot, pid, ticks = owner.split("|")
    except ValueError:
        return False
    if host != socket.gethostname():
        return False
    if boot != _boot_id():
        return boot != "unknown" and _boot_id() != "unknown"
    return _start_ticks(int(pid)) != ticks
