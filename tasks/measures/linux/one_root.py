"""`measures.linux.one_root`"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class OneRoot(HostMeasure):
    """Only root is root, and no two accounts are the same to the kernel. passwd(5)."""

    name = "measures.linux.one_root"
    parts = ("accounts",)

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        wrong = [f"{one.id} has the number 0" for one in host.accounts if one.uid == 0 and one.id != "root"]
        shared = [uid for uid, count in Counter(one.uid for one in host.accounts).items() if count > 1 and uid != 0]
        return wrong + [
            f"{' and '.join(one.id for one in host.accounts if one.uid == uid)} share the number {uid}"
            for uid in shared
        ]
