"""`measures.linux.restart_done`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look


class RestartDone(HostMeasure):
    """No update waits for a restart: until then the old kernel or library runs on. Debian writes that down; others do not."""

    name = "measures.linux.restart_done"

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if not {"debian", "ubuntu"} & {host.release.get("ID", ""), *host.release.get("ID_LIKE", "").split()}:
            return None
        return ["it waits for a restart"] if host.reboot_required else []
