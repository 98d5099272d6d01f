"""Linux hosts for stories: ordinary ones on which nothing happened, and what stands on them."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Final

from integrations.lab.hosts.state import LabHost
from integrations.lab.state import Tenant
from tenantry.capabilities import AuthorizedKey, CronEntry, HostAccount, HostFacts, HostUnit, Package, Process

KEYS: Final = "{}/.ssh/authorized_keys"
CONFIGURED: Final = timedelta(days=200)
"""Before the lab begins: when hosts were set up."""


def ordinary_hosts(tenant: Tenant, *names: str) -> None:
    """Hosts on which nothing happened; through ``bastion`` others are reached."""
    for number, name in enumerate(names):
        tenant.hosts[name] = ordinary_host(tenant, name, number)
    if "bastion" in tenant.hosts:
        tenant.hosts["bastion"].gateway = True


def make_key(tenant: Tenant, path: str, account: str, comment: str, at: datetime, purpose: str) -> AuthorizedKey:
    """A key of an account, by what it is for: the same purpose, the same key."""
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


def make_account(name: str, uid: int, *, groups: tuple[str, ...] = (), chosen: bool = False) -> HostAccount:
    """``chosen``: it has a password."""
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


def make_cron(path: str, account: str, schedule: str, command: str, at: datetime) -> CronEntry:
    """A line of a table."""
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


def make_unit(name: str, command: str, at: datetime, package: str | None = None) -> HostUnit:
    """A service, enabled and running."""
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


def make_process(pid: int, account: str, uid: int, executable: str, at: datetime, *, deleted: bool = False) -> Process:
    """A process of its own program."""
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


def ordinary_host(tenant: Tenant, name: str, number: int) -> LabHost:
    """A host on which nothing happened."""
    old = tenant.start - CONFIGURED
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
        make_account("root", 0),
        make_account("www-data", 33),
        make_account("responder", 1000, groups=("sudo",)),
        make_account("deploy", 1001),
        make_account("alice", 1002, groups=("sudo",), chosen=True),
    ):
        host.accounts[account.id] = account
    for key in (
        make_key(tenant, KEYS.format("/root"), "root", "msp@responder", old, "responder"),
        make_key(tenant, "/home/deploy/.ssh/authorized_keys", "deploy", "ci@build", old, "ci"),
    ):
        host.keys[key.id] = key
    for unit in (
        make_unit("ssh.service", "/usr/sbin/sshd -D", old, "openssh-server"),
        make_unit("cron.service", "/usr/sbin/cron -f", old, "cron"),
    ):
        host.units[unit.id] = unit
    own = make_process(611, "root", 0, "/usr/sbin/sshd", tenant.start - timedelta(days=40))
    host.processes[own.id] = own
    host.packages = {
        n: Package(id=n, version=v, architecture="amd64") for n, v in (("openssl", "3.0.15-1"), ("sudo", "1.9.13p3-1"))
    }
    host.put("/etc/hostname", f"{name}\n".encode(), old)
    return host
