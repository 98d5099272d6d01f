"""Linux hosts for tests: real sshds, each with files, processes, host name and network of its own, out of namespaces.

A host's files are an overlay over this machine's, in memory; its processes see only each other; its network is one end of a
veth pair at a bridge, at whose other side the test is, as the responder. Its first process is sshd, or a real systemd with the
system bus and a journal where a test asks for it (`tests/support/booted.py`). Everything ends with the process that made it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)
from pydantic import SecretBytes

from tests.support import booted
from tests.support.booted import BOOT, EMPTY, ControlGroup
from tests.support.tools import needs

PROGRAMS = ("sshd", "nft", "ip", "sudo", "unshare", "pkill", "ss")

_INIT = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount --rbind /dev dev
mount -t tmpfs tmpfs dev/shm
chmod 1777 dev/shm tmp var/tmp 2>/dev/null || true
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs var/tmp
mkdir -p run/sshd run/sudo
hostname "$2"
rm -f root/.ssh/authorized_keys etc/cron.d/* var/spool/cron/crontabs/* var/log/auth.log*
sh "$3"
ip link set lo up
"""
_SSHD = "exec chroot . /usr/sbin/sshd -D -f /etc/ssh/tenantry_test -E /var/log/sshd.log\n"

SMALL = """
mkdir run/keep && cp -a root/.ssh root/.bashrc root/.profile run/keep/ && mount -t tmpfs -o mode=700 tmpfs root && cp -a run/keep/. root/ && rm -r run/keep
for top in */; do
  case $top in bin/|boot/|dev/|etc/|home/|lib*/|media/|mnt/|opt/|proc/|root/|run/|sbin/|srv/|sys/|tmp/|usr/|var/) ;; *) mount -t tmpfs tmpfs "$top" ;; esac
done
for large in usr/include usr/src usr/share/doc usr/share/locale usr/share/icons usr/lib/jvm usr/lib/gcc usr/lib/node_modules usr/lib/chromium usr/lib/go-* \
  usr/lib/llvm-* usr/lib/google-cloud-sdk usr/lib/postgresql; do
  [ ! -d "$large" ] || mount -t tmpfs tmpfs "$large"
done
"""
"""Setup of a host that is walked over: without what only the machine has that the tests run on, and without what is large."""

_CONFIG = """
Port 22
HostKey /etc/ssh/tenantry_test_key
{certificate}
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes yes
UseDNS no
PrintMotd no
MaxStartups 200
LoginGraceTime 0
AllowTcpForwarding yes
Subsystem sftp internal-sftp
"""


@functools.cache
def can() -> bool:
    """Whether this machine lets us make such hosts."""
    if os.geteuid() != 0 or not all(shutil.which(name) for name in PROGRAMS):
        return False
    probe = "mount --make-rprivate / && mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r && ip link add tprobe type veth && nft list tables"
    return subprocess.run(["unshare", "-mpun", "--fork", "sh", "-c", probe], capture_output=True).returncode == 0


def needs_hosts() -> None:
    """Skip where hosts cannot be made, fail in CI."""
    needs(can(), "root with namespaces, overlay mounts, openssh-server, nftables, sudo or procps")


class Key:
    """An SSH key pair in memory."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()

    @property
    def public(self) -> str:
        return self.private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    @property
    def pem(self) -> bytes:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())

    @property
    def fingerprint(self) -> str:
        from integrations.linux.hostkeys import blob_of, fingerprint

        return fingerprint(blob_of(self.public))

    def certify(
        self, other: Key, *names: str, host: bool, after: float = -60, before: float = 3600, key_id: str = "test"
    ) -> bytes:
        """A certificate over another key, valid from and until seconds from now."""
        now = int(time.time())
        built = (
            SSHCertificateBuilder()
            .public_key(other.private.public_key())
            .serial(1)
            .type(SSHCertificateType.HOST if host else SSHCertificateType.USER)
            .key_id(key_id.encode())
            .valid_principals([name.encode() for name in names])
            .valid_after(now + int(after))
            .valid_before(now + int(before))
            .sign(self.private)
        )
        return built.public_bytes()


@dataclass
class TestHost:
    """One host."""

    name: str
    address: str
    key: Key
    pid: int
    process: subprocess.Popen[bytes]

    __test__ = False

    def run(self, command: str, *, check: bool = True, stdin: bytes = b"") -> str:
        """A shell command on the host, past ssh."""
        root = f"/proc/{self.pid}/root"
        done = subprocess.run(
            [
                "nsenter",
                "-t",
                str(self.pid),
                "-m",
                "-p",
                "-u",
                "-n",
                f"--root={root}",
                f"--wd={root}",
                "sh",
                "-c",
                command,
            ],
            capture_output=True,
            input=stdin,
        )
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {command!r} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "replace")

    def connects(self, address: str, port: int = 22) -> bool:
        """Whether the host can open a connection to there."""
        return "yes" in self.run(
            f'python3 -c \'import socket; socket.create_connection(("{address}", {port}), 1); print("yes")\'',
            check=False,
        )


@dataclass
class HostNet:
    """A network of hosts. The test itself is at ``gateway``."""

    folder: Path
    name: str
    subnet: str
    key: Key = field(default_factory=Key)
    authority: Key = field(default_factory=Key)
    hosts: dict[str, TestHost] = field(default_factory=dict)
    groups: list[ControlGroup] = field(default_factory=list)
    _reached: set[str] = field(default_factory=set)

    @property
    def gateway(self) -> str:
        return f"{self.subnet}.1"

    @classmethod
    def create(cls, folder: Path) -> HostNet:
        needs_hosts()
        for _ in range(50):
            number = secrets.randbelow(65_000)
            subnet = f"10.{216 + number % 8}.{number // 8 % 250}"
            name = f"tn{number:x}"
            if subnet not in _ip("-o", "address"):
                break
        _ip("link", "add", name, "type", "bridge")
        _ip("address", "add", f"{subnet}.1/24", "dev", name)
        _ip("link", "set", name, "up")
        return cls(folder, name, subnet)

    def add(
        self,
        *names: str,
        account: str = "responder",
        sudo: str = "ALL=(ALL) NOPASSWD: ALL",
        certified: bool = False,
        setup: str = "",
        systemd: bool = False,
        wait: bool = True,
    ) -> list[TestHost]:
        """More hosts, started together.

        Args:
            account: whom the network's key lets in, besides root; with these sudo rights.
            certified: the host shows a certificate of the network's authority.
            setup: more shell commands, with the host's root as working directory.
            systemd: the first process is systemd.
            wait: until they can be reached; False: :meth:`ready` does.
        """
        if systemd:
            needs(booted.can(), "systemd, dbus-daemon and a unified hierarchy of control groups that we may write to")
        made = [self._start(name, account, sudo, certified, setup, systemd) for name in names]
        if wait:
            self.ready()
        return made

    def ready(self) -> None:
        """Wait until every host can be reached."""
        for host in self.hosts.values():
            if host.name not in self._reached:
                _await(host.address)
                self._reached.add(host.name)

    def _start(self, name: str, account: str, sudo: str, certified: bool, setup: str, systemd: bool) -> TestHost:
        key, number = Key(), len(self.hosts) + 11
        address = f"{self.subnet}.{number}"
        folder = self.folder / f"{self.name}-{name}"
        (folder / "mnt").mkdir(parents=True)
        (folder / "key").write_bytes(key.pem)
        (folder / "config").write_text(
            _CONFIG.format(certificate="HostCertificate /etc/ssh/tenantry_test_key-cert.pub" if certified else "")
        )
        if certified:
            (folder / "cert").write_bytes(self.authority.certify(key, name, address, host=True))
        (folder / "setup").write_text(
            "\n".join(
                (
                    "set -eu",
                    EMPTY if systemd else "",
                    f"install -m 600 {folder}/key etc/ssh/tenantry_test_key",
                    f"install -m 644 {folder}/config etc/ssh/tenantry_test",
                    f"[ ! -e {folder}/cert ] || install -m 644 {folder}/cert etc/ssh/tenantry_test_key-cert.pub",
                    f"chroot . useradd --create-home --shell /bin/sh --password '*' {account}",
                    f"echo '{account} {sudo}' > etc/sudoers.d/responder; chmod 440 etc/sudoers.d/responder",
                    f"mkdir -p root/.ssh home/{account}/.ssh",
                    f"echo '{self.key.public} responder' | tee root/.ssh/authorized_keys > home/{account}/.ssh/authorized_keys",
                    f"chmod 700 root root/.ssh home/{account}/.ssh; chmod 600 root/.ssh/authorized_keys home/{account}/.ssh/authorized_keys",
                    f"chroot . chown -R {account}: /home/{account}/.ssh",
                    "chmod 755 . ",
                    setup,
                )
            )
        )
        log = (folder / "log").open("wb")
        group = ControlGroup(f"{self.name}-{name}") if systemd else None
        if group is not None:
            self.groups.append(group)
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--uts", "--net", "--ipc", "--fork", "--kill-child"),
                *(("--cgroup",) if systemd else ()),
                *("sh", "-c", _WAIT + _INIT + (BOOT if systemd else _SSHD)),
                *("init", str(folder / "mnt"), name, str(folder / "setup")),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            preexec_fn=_tethered if group is None else group.entered(_tethered),
        )
        log.close()
        pid = _child_of(process.pid)
        link = f"{self.name}h{number}"
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _ip("link", "set", link, "master", self.name, "up")
        for command in (["address", "add", f"{address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", *command], check=True)
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
        host = TestHost(name, address, key, pid, process)
        self.hosts[name] = host
        return host

    def settings(self, *names: str, certified: bool = False, **more: Any) -> dict[str, Any]:
        """The provider's settings for these hosts."""
        chosen = names or tuple(self.hosts)
        keys: dict[str, Any] = {"authorities": [self.authority.public]} if certified else {}
        return {
            "account": "responder",
            "rollback_after": 2,
            **keys,
            "hosts": {
                name: {
                    "address": self.hosts[name].address,
                    **({} if certified else {"host_keys": [self.hosts[name].key.public]}),
                }
                for name in chosen
            },
            **more,
        }

    def secrets(self, **others: bytes) -> Any:
        """A source of the provider's secrets."""
        from tenantry.errors import InvalidTenant

        known = {"key": self.key.pem, **others}

        async def secret(name: str) -> SecretBytes:
            if name not in known:
                raise InvalidTenant(f"no {name}")
            return SecretBytes(known[name])

        return secret

    def close(self) -> None:
        for host in self.hosts.values():
            host.process.kill()
        for host in self.hosts.values():
            host.process.wait()
        for group in self.groups:
            group.remove()
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "delete", self.name)


_WAIT = "read go\n"


@contextlib.contextmanager
def host_net(folder: Path) -> Iterator[HostNet]:
    net = HostNet.create(folder)
    try:
        yield net
    finally:
        net.close()


def _tethered() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _child_of(pid: int) -> int:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    for _ in range(500):
        found = path.read_text().split()
        if found:
            return int(found[0])
        time.sleep(0.01)
    raise AssertionError("unshare made no child")


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


def _await(address: str) -> None:
    last = None
    for _ in range(500):
        try:
            with socket.create_connection((address, 22), 1) as sock:
                if sock.recv(4) == b"SSH-":
                    return
        except OSError as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"no sshd at {address}: {last}")
