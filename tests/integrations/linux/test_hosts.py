"""The capability on real hosts: sshd, sudo, nftables, cron and systemd's unit files as Debian has them."""

from __future__ import annotations

import pytest

from integrations.linux.provider import LinuxHandle
from tests.conformance.host import HostConformance, HostWorld


class TestLinuxHosts(HostConformance):
    @pytest.fixture
    def world(self, handle: LinuxHandle) -> HostWorld:
        return HostWorld(
            provider=handle.capability("host"),
            host="web1",
            hosts=frozenset({"web1", "db1", "mon1", "bastion"}),
            probe="mon1",
            systemd=False,
        )
