"""`measures.linux.release_supported`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look

ENDS: Final[dict[tuple[str, str], date]] = {
    ("debian", "10"): date(2024, 6, 30), ("debian", "11"): date(2026, 8, 31), ("debian", "12"): date(2028, 6, 30), ("debian", "13"): date(2030, 6, 30),
    ("ubuntu", "18.04"): date(2023, 5, 31), ("ubuntu", "20.04"): date(2025, 5, 31), ("ubuntu", "22.04"): date(2027, 4, 30), ("ubuntu", "24.04"): date(2029, 4, 30),
    ("rhel", "7"): date(2024, 6, 30), ("rhel", "8"): date(2029, 5, 31), ("rhel", "9"): date(2032, 5, 31), ("rhel", "10"): date(2035, 5, 31),
    ("centos", "7"): date(2024, 6, 30), ("centos", "8"): date(2024, 5, 31), ("centos", "9"): date(2027, 5, 31),
    ("rocky", "8"): date(2029, 5, 31), ("rocky", "9"): date(2032, 5, 31), ("almalinux", "8"): date(2029, 5, 31), ("almalinux", "9"): date(2032, 5, 31),
    ("amzn", "2"): date(2026, 6, 30), ("amzn", "2023"): date(2029, 6, 30),
}  # fmt: skip
"""ID and VERSION_ID of os-release(5) → the last day of the vendor's (or, for Debian, the LTS team's) free security support, as the projects'
life-cycle pages gave it on 2026-11-22. os-release's own SUPPORT_END counts before it."""


class ReleaseSupported(HostMeasure):
    """The system still gets security updates. A release that nobody here knows is unknown, not supported."""

    name = "measures.linux.release_supported"

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        kind, version = host.release.get("ID", ""), host.release.get("VERSION_ID", "")
        shown = host.release.get("PRETTY_NAME") or f"{kind} {version}".strip() or "its system"
        said = host.release.get("SUPPORT_END", "")
        try:
            ends = (
                date.fromisoformat(said)
                if said
                else ENDS.get((kind, version)) or ENDS.get((kind, version.split(".")[0]))
            )
        except ValueError:
            ends = None
        if ends is None:
            raise CannotCheck(f"{host.host}: until when {shown} gets security updates is not known here")
        return [f"{shown} has had no free security updates since {ends}"] if look.now.date() > ends else []
