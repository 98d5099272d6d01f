"""Whether this installation is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.cli import command, echo_json, json_option, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.doctor import Check
    from tenantry.home import Home


@command("doctor", examples=("tenantry doctor", "tenantry doctor --json"))
@json_option
def doctor() -> int:
    """Look at versions, files, disk, databases, keys, record, clock, ports and Prefect. Changes nothing.

    Exit code 1 when something is wrong or could not be looked at.
    """
    import os

    from tenantry.doctor import examine
    from tenantry.home import Home
    from tenantry.masterkey import passphrase_from_environment

    home = Home.locate().ensure()
    checks = [*examine(home, passphrase_from_environment(os.environ)), *_service(home)]
    ok = all(check.status == "ok" for check in checks)
    if wants_json():
        rows = [{"check": c.name, "status": c.status, "says": c.says, "remedy": c.remedy or None} for c in checks]
        echo_json({"ok": ok, "checks": rows})
    else:
        from console.render import table

        table(("check", "", "found", "what to do"), ((c.name, c.status, c.says, c.remedy) for c in checks))
    return 0 if ok else 1


def _service(home: Home) -> Iterator[Check]:
    """Prefect's server, its port, and the broker's socket."""
    import json

    from flows.server import find
    from tenantry.doctor import Check
    from tenantry.journal.lease import known_dead

    try:
        said = json.loads(home.server_file.read_text(encoding="utf-8"))
        url = str(said["url"])
        runs = not known_dead(str(said["owner"]))
    except (OSError, ValueError, KeyError, TypeError):
        runs = False
    if not runs:
        yield Check("Prefect", "ok", "no service runs for this home")
        return
    server = find(home)
    if server is None:
        yield Check(
            "Prefect", "failed", f"{url} does not answer", "Look at run/prefect-server.log; `tenantry up` restarts it."
        )
    else:
        yield Check("Prefect", "ok", f"answers at {url}")
    yield _port(url)
    if home.broker_socket.exists():
        yield _broker(home)


def _port(url: str) -> Check:
    """Whether the port listens on loopback alone (proc_net_tcp(5))."""
    from pathlib import Path
    from urllib.parse import urlsplit

    from tenantry.doctor import Check

    port = urlsplit(url).port or 0
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            return Check("port", "unknown", "who listens cannot be told here")
        for line in lines:
            local, _, state = line.split()[1:4]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                found.append(local.rpartition(":")[0])
    outside = [address for address in found if address not in _LOOPBACK]
    if outside:
        return Check("port", "failed", f"{port} can be reached from other machines", "Stop whatever listens there.")
    return (
        Check("port", "ok", f"{port} on loopback alone")
        if found
        else Check("port", "failed", f"nobody listens on {port}")
    )


_LOOPBACK = frozenset({"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"})
"""127.0.0.1, ::1 and ::ffff:127.0.0.1 as the kernel writes them on little-endian machines."""


def _broker(home: Home) -> Check:
    import socket

    from tenantry.broker.wire import address, peer_of
    from tenantry.doctor import Check
    from tenantry.errors import BrokerUnavailable

    try:
        with socket.socket(socket.AF_UNIX) as probe, address(home.broker_socket) as at:
            probe.settimeout(3)
            probe.connect(at)
            return Check("broker", "ok", f"process {peer_of(probe).pid} serves the vault")
    except (OSError, BrokerUnavailable):
        return Check(
            "broker", "failed", "its socket does not answer", "Look at run/broker.log; `tenantry up` restarts it."
        )
