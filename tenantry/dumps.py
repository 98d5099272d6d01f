"""No core dumps: what a process holds in memory (a client's secret, a token, a code) must not lie on the disk when it crashes.

The limit is inherited, so that a command which sets it has set it for everything that it starts. Where the kernel hands dumps to a
program (core(5), ``core_pattern`` with a pipe), systemd-coredump and apport keep to the limit too.
"""

from __future__ import annotations

import resource

__all__ = ["forbid"]


def forbid() -> None:
    """For this process and those that it starts from now on; they cannot take it back."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
