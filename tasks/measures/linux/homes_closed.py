"""`measures.linux.homes_closed`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class HomesClosed(HostMeasure):
    """Nobody but its owner writes to a home, and strangers do not read it: whoever writes there signs in as its owner. sshd(8)."""

    name = "measures.linux.homes_closed"
    parts = ("files", "accounts")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        wrong, seen = [], 0
        for account in host.accounts:
            home = host.files.get(account.home)
            if not (1000 <= account.uid < 65_000) or home is None:
                continue
            seen += 1
            if home.mode & 0o027:
                wrong.append(f"{home.path} of {account.id} grants {home.mode:o}")
            if home.uid not in (0, account.uid):
                wrong.append(f"{home.path} of {account.id} belongs to {home.uid}")
        return wrong if seen else None
