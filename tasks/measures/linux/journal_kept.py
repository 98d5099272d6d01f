"""`measures.linux.journal_kept`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_FILES: Final = ("/usr/lib/systemd/journald.conf.d/", "/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d/")


class JournalKept(HostMeasure):
    """What the host writes down outlives a restart: the journal is kept on disk, or a syslog daemon writes files. journald.conf(5)."""

    name = "measures.linux.journal_kept"
    parts = ("contents", "files", "units")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if host.runs("rsyslog", "syslog-ng", "syslog"):
            return []
        storage = "auto"
        for _, line in host.settings(*_FILES):
            key, _, value = line.partition("=")
            if key.strip() == "Storage":
                storage = value.strip().lower()
        if storage == "persistent" or (storage == "auto" and "/var/log/journal" in host.files):
            return []
        return [f"its journal is gone after a restart (Storage={storage}), and no syslog daemon runs"]
