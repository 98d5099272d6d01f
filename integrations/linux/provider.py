"""Linux hosts over SSH: ``host``, ``posture``, and ``backup`` and ``host_backup`` with restic, of one tenant.

In a tenant's file::

    providers:
      hosts:
        vendor: linux
        settings:
          account: responder
          authorities: ["ssh-ed25519 AAAA…"]          # of host certificates
          responder_addresses: [192.0.2.10]           # get through an isolation
          jump: {address: bastion.acme.example, host_keys: ["ssh-ed25519 AAAA…"]}
          hosts:
            web1: {address: 10.0.0.11, jump: true}    # proves itself by a certificate
            db1: {address: 10.0.0.12, jump: true, host_keys: ["ssh-ed25519 AAAA…"]}
        secrets:
          key: vault:acme/ssh-key                     # OpenSSH private key; a certificate of it may stand behind it
          certificate: vault:acme/ssh-certificate     # of that key, where the hosts trust an authority and it stands apart
          authority: vault:acme/ssh-ca                # its private key, with settings.certificate_hours: certifies new keys
          host_authority: vault:acme/host-ca          # with settings.host_certificate_days: certifies the hosts anew
          host_certificates: vault:acme/host-certs    # those that it issued
          passphrase: vault:acme/ssh-passphrase       # where the key has one
          sudo_password: vault:acme/sudo              # where sudo asks for one
          restic_password: vault:acme/restic          # where hosts are backed up: hosts.web1.backup

The promise: a handle signs in to the configured hosts and nowhere else; a host that does not prove itself is refused before
anything is said to it; the key is only ever in memory; nothing is installed and nothing of ours stays on a host but what a
run says that it changed. The account's shell must be a POSIX shell. Tested with OpenSSH 9 on Debian 12.

Known limits: hosts without apt have no pending updates here; units of accounts (``systemd --user``) are not listed; whom a
command, an authority or another host of sshd_config lets in is not told, and said to be unknown; a survey reads the keys that ``sshd -T`` names
alone; the memory itself is not copied.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tenantry.errors import InvalidInput, OutOfScope, SignInFailed, TenantryError, Unreachable
from tenantry.least import Grant
from tenantry.providers import Endpoint, HostKey, Ours, Part, ProviderCheck, SecretSource

if TYPE_CHECKING:
    from integrations.linux.connection import Connection, Credential, Limits
    from integrations.linux.place import SftpPlace
    from integrations.linux.writes import LinuxHosts

__all__ = ["PROVIDER", "HostSettings", "LinuxHandle", "LinuxProvider", "Settings"]

VENDOR: Final = "linux"
_SKEW: Final = 5.0
"""Seconds by which a host's clock may be wrong without a complaint."""
_KEPT: Final = 60.0
"""Seconds for which a key that came out of the vault is used without asking again."""
_AT_A_TIME: Final = 64
"""Threads of one handle: as many hosts are spoken to at the same moment."""

PublicKey = Annotated[str, Field(max_length=16_384)]


def _keys(values: tuple[str, ...]) -> tuple[str, ...]:
    from integrations.linux.hostkeys import blob_of

    for value in values:
        blob_of(value)
    return values


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(min_length=1, max_length=255, description="IP address or host name")
    port: int = Field(22, ge=1, le=65_535)
    account: str | None = Field(None, description="Instead of the account of all hosts")
    host_keys: tuple[PublicKey, ...] = Field((), description="Known host keys, as in /etc/ssh/ssh_host_…_key.pub")

    _check = field_validator("host_keys")(_keys)


class BackupSettings(BaseModel):
    """What a host backs up with restic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str = Field(pattern=r"^[^-\x00-\x1f][^\x00-\x1f]*$", description="As restic takes it with -r")
    paths: tuple[Annotated[str, Field(pattern=r"^/")], ...] = Field(min_length=1, description="Folders and files")
    restores: str = Field("/var/restore", pattern=r"^/[^\x00]+$", description="Folder under which restores go")


class HostSettings(_Place):
    """One host."""

    jump: bool = Field(False, description="Reached through the jump host")
    gateway: bool = Field(False, description="Others depend on it to be reached; it is cut off only after asking")
    backup: BackupSettings | None = Field(None, description="Its backup with restic, if it has one")


class Settings(BaseModel):
    """The ``settings`` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = Field("root", description="Account that we sign in as")
    authorities: tuple[PublicKey, ...] = Field((), description="Public keys of authorities that certify hosts")
    responder_addresses: tuple[str, ...] = Field((), description="Addresses or networks that get through an isolation")
    update_addresses: tuple[str, ...] = Field(
        (), description="Addresses or networks of the package mirror or proxy, which an isolated host may still reach"
    )
    rollback_after: int = Field(60, ge=2, le=3600, description="Seconds until an unconfirmed isolation is taken back")
    certificate_hours: int | None = Field(
        None, ge=1, le=8784, description="Hours for which a new key of ours is certified by the secret authority"
    )
    host_certificate_days: int | None = Field(
        None, ge=1, le=1830, description="Days for which hosts are certified anew by the secret host_authority"
    )
    connect_timeout: float = Field(15.0, gt=0, le=120)
    jump: _Place | None = Field(None, description="Host through which others are reached")
    hosts: dict[str, HostSettings] = Field(min_length=1, max_length=10_000)

    _check = field_validator("authorities")(_keys)

    @field_validator("responder_addresses", "update_addresses")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        import ipaddress

        for one in value:
            ipaddress.ip_network(one, strict=False)
        return value

    @model_validator(mode="after")
    def _jump(self) -> Settings:
        if self.jump is None and any(host.jump for host in self.hosts.values()):
            raise ValueError("a host is reached through a jump host, and none is named")
        return self


class LinuxHandle:
    """One tenant's hosts, opened."""

    def __init__(
        self,
        hosts: LinuxHosts,
        connections: Mapping[str, Connection],
        jump: Connection | None,
        executor: ThreadPoolExecutor,
        expiry: Any,
        backups: Any = None,
        credentials: Mapping[str, Any] | None = None,
        signs: Callable[[], Awaitable[Credential]] | None = None,
    ) -> None:
        self._signs = signs
        self._backups = backups
        self._credentials = credentials or {}
        self._hosts = hosts
        self._connections = connections
        self._jump = jump
        self._executor = executor
        self._expiry = expiry

    def capability(self, name: str) -> Any:
        """``host``, ``posture``, ``host_service``, ``credentials``, and ``backup`` and ``host_backup`` where a host of the file has a repository. Raises OutOfScope for any
        other."""
        if name == "credentials":
            return self._credentials
        if name in ("backup", "host_backup") and self._backups is not None:
            return self._backups
        if name == "host_service":
            from integrations.linux.services import LinuxServices

            return LinuxServices(self._hosts)
        if name not in ("host", "posture"):
            raise OutOfScope(f"{VENDOR} does not offer {name!r} here", vendor=VENDOR)
        return self._hosts

    def connections(self) -> list[Connection]:
        """To each host, in the order of the tenant's file; not opened yet."""
        return list(self._connections.values())

    def place(self, host: str, root: str) -> SftpPlace:
        """A folder of a host as a place to hand over to by SFTP; the caller closes it.

        Raises:
            OutOfScope: the tenant's file does not name the host.
        """
        from integrations.linux.place import SftpPlace

        if host not in self._connections:
            raise OutOfScope(f"{host} is none of the tenant's hosts", vendor=VENDOR)
        return SftpPlace(self._connections[host], root)

    async def ours(self) -> Ours:
        """The key that we sign in with."""
        if self._signs is None:
            return Ours()
        return Ours(keys=frozenset({(await self._signs()).fingerprint.removeprefix("SHA256:")}))

    async def check(self) -> ProviderCheck:
        """Every host: reached, proven, signed in, what sudo grants, how wrong its clock is; and when our certificate ends.

        ``granted`` is what every host that answers grants; a host that lacks something is named among the problems. Where sudo grants
        every program, or we sign in as root, ``direct`` has that as :data:`~integrations.linux.sudo.EVERYTHING`: more than is needed.
        """
        from integrations.linux.sudo import EVERYTHING, PROGRAMS

        answers = await asyncio.gather(*(self._look(name) for name in self._connections))
        problems = [problem for _, _, found in answers for problem in found]
        ends = await self._expiry()
        granted = [programs for programs, _, _ in answers if programs is not None]
        facts: dict[str, Any] = {
            "hosts": {name: fact for name, (_, fact, _) in zip(self._connections, answers, strict=True)}
        }
        facts["sign_in"] = "key"
        everything = {fact.get("root") == "everything" for programs, fact, _ in answers if programs is not None}
        common = frozenset.intersection(*granted) if granted else None
        direct = (common or frozenset()) - (frozenset(PROGRAMS) if everything == {True} else frozenset()) | {EVERYTHING}
        expiries: dict[str, datetime] = {}
        if ends is not None:
            expiries["certificate"] = datetime.fromtimestamp(ends, UTC)
            facts["sign_in"] = "certificate"
        skews = [fact["clock_skew_s"] for _, fact, _ in answers if "clock_skew_s" in fact]
        return ProviderCheck(
            signed_in=len(granted) == len(answers),
            granted=common,
            direct=direct if True in everything else None,
            wider={EVERYTHING: frozenset(PROGRAMS)} if True in everything else {},
            problems=tuple(problems),
            facts=facts,
            reachable=any(fact["reachable"] for _, fact, _ in answers),
            refused=any(fact.get("refused") for _, fact, _ in answers),
            host_keys={
                name: HostKey(fact["host_key"], expected=fact["expected"])
                for name, (_, fact, _) in zip(self._connections, answers, strict=True)
                if fact.get("host_key")
            },
            clock_skew=max(skews, key=abs) if skews else None,
            expiries=expiries,
            tried=_tried([fact for _, fact, _ in answers], await self._apart()),
            parts={
                name: Part(programs is not None, bool(fact["reachable"]), programs)
                for name, (programs, fact, _) in zip(self._connections, answers, strict=True)
            },
        )

    async def _apart(self) -> bool:
        """Whether the certificate that we sign in with is the one of the secret of that name."""
        if self._signs is None:
            return False
        try:
            return (await self._signs()).apart
        except SignInFailed:  # each host said so
            return True

    async def _look(self, name: str) -> tuple[frozenset[str] | None, dict[str, Any], list[str]]:
        from integrations.linux.command import Command
        from integrations.linux.sudo import PROGRAMS, sudoers

        connection = self._connections[name]
        problems: list[str] = []
        try:
            login = await connection.login()
            facts = await self._hosts.facts(name)
            strange = b'it\'s\n$(id) `id` \\ \xff "x"'
            echoed = await connection.read(Command.of("printf", "%s", strange))
            if echoed.out != strange:
                problems.append(f"{name}: the shell of {connection.target.account} is no POSIX shell. Give it /bin/sh.")
            missing = [
                program
                for program in PROGRAMS
                if program not in self._special and not await self._granted(connection, program)
            ]
            everything = await self._everything(connection)
        except TenantryError as error:
            shown = error.detail.get("fingerprint")  # of a host that did not prove itself
            fact = {
                "reachable": not isinstance(error, Unreachable),
                # One that did not prove itself was told nothing: that says nothing about the credential.
                "refused": isinstance(error, SignInFailed) and not shown,
                **({"host_key": shown, "expected": False} if shown else {}),
                **({"key": "refused"} if error.detail.get("refused") else {}),
            }
            return None, fact, [f"{name}: {error.message}. {error.remedy}"]
        if not login.certified and self._signs is not None and (await self._signs()).certified is not None:
            problems.append(
                f"{name}: does not take our certificate, and lets {connection.target.account} in by the key alone. "
                "Have its sshd trust the authority (TrustedUserCAKeys), and take the key out of authorized_keys."
            )
        if missing:
            lines = sudoers(connection.target.account, missing)
            problems.append(f"{name}: sudo does not grant {', '.join(missing)}. Add to sudoers: {lines}")
        if abs(facts.clock_skew) > _SKEW:
            problems.append(f"{name}: its clock is {facts.clock_skew:+.1f} s off. Have it synchronised.")
        return (
            frozenset(PROGRAMS) - set(missing),
            {
                "reachable": True,
                "system": facts.system,
                "host_key": login.host_key,
                "expected": True,
                "proven_by": "certificate" if login.certificate else "known key",
                "key": "certificate" if login.certified else "key",
                "clock_skew_s": facts.clock_skew,
                "root": "everything" if everything else "listed",
            },
            problems,
        )

    @property
    def _special(self) -> frozenset[str]:
        """Programs that are not missed: of hosts that are not backed up or have no database, and of accounts without a password."""
        return frozenset({"restic", "runuser", *(() if "sudo_password" in self._credentials else ("chpasswd",))})

    async def _everything(self, connection: Connection) -> bool:
        """Whether root is ours for anything: as a program shows that nobody needs and that runs any other. False where sudo asks for a
        password: no list of programs serves there (:meth:`_granted`)."""
        from integrations.linux.command import Command

        if not connection.sudo:
            return True
        return not connection.asks and (await connection.read(Command.of("sudo", "-n", "-l", "--", "env"))).code == 0

    async def _granted(self, connection: Connection, program: str) -> bool:
        """Root needs nobody's leave. A program that the host does not have (systemd-run without systemd) is not missed."""
        from integrations.linux.command import Command

        if not connection.sudo:
            return True
        if connection.asks:
            return (await connection.read(Command.of("true", root=True))).code == 0
        arguments = {
            "cut": ("-d:", "-f1,8", "/etc/shadow"),
            "md5sum": ("-c", "--quiet"),
            "passwd": ("-S", "-a"),
            "rpm": ("-Va", "--nomtime"),
            "sshd": ("-T",),
        }.get(program, ())
        if (await connection.read(Command.of("sudo", "-n", "-l", "--", program, *arguments))).code == 0:
            return True
        path = f"/usr/sbin/{program}", f"/usr/bin/{program}"
        return (await connection.read(Command.of("test", "-e", path[0], "-o", "-e", path[1]))).code != 0

    def remains(self) -> tuple[str, ...]:
        """As `tenantry.providers.LeavesBehind`: the accounts, without a key of ours."""
        return tuple(
            f"account {one.target.account} on {name}, and what sudo allows it, without our key"
            for name, one in sorted(self._connections.items())
        )

    async def aclose(self) -> None:
        """Close every connection; the jump host's last."""
        await asyncio.gather(*(connection.aclose() for connection in self._connections.values()))
        if self._jump is not None:
            await self._jump.aclose()
        self._executor.shutdown(wait=False, cancel_futures=True)


class LinuxProvider:
    """The vendor, for the assembly."""

    vendor = VENDOR
    capabilities = ("host", "posture", "backup", "host_backup", "host_service", "credentials")
    Settings: type[BaseModel] = Settings
    secrets = (
        *("key", "certificate", "passphrase", "authority"),
        *("host_authority", "host_certificates", "sudo_password", "restic_password"),
    )
    rotates = ("key", "host_certificates", "sudo_password")

    def endpoints(self, settings: Any, estate: Mapping[str, Any] | None = None) -> tuple[Endpoint, ...]:  # noqa: ARG002  # it has none there
        """As `tenantry.providers.Reaches`: the hosts that are reached from here, and the jump host."""
        own = Settings.model_validate(settings)
        direct = [(name, host) for name, host in own.hosts.items() if not host.jump]
        jump = [] if own.jump is None else [("jump host", own.jump)]
        return tuple(Endpoint(place.address, place.port, f"SSH, {name}") for name, place in [*jump, *direct])

    def least_privilege(self, names: tuple[str, ...], settings: Mapping[str, Any]) -> Grant:
        """sudoers lines with the programs' paths; tasks name the programs."""
        from integrations.linux.sudo import PROGRAMS, sudoers

        account = str(settings.get("account") or "root")
        return Grant("sudoers", names, sudoers(account, [name for name in names if name in PROGRAMS]))

    async def open(self, settings: Any, secrets: SecretSource, *, limits: Limits | None = None) -> LinuxHandle:
        """A handle of one tenant's hosts; signs in to each at first use.

        Args:
            settings: a :class:`Settings`.
            secrets: gives ``key`` at each sign-in, and the others where the tenant's file names them.
            limits: times and sizes.
        """
        # Imported here, so that naming the vendor and checking a tenant's file load no SSH client.
        from integrations.linux import connection as ssh
        from integrations.linux import keyfile
        from integrations.linux.backups import Plan
        from integrations.linux.certified_key_rotation import CertifiedKey
        from integrations.linux.host_certificate_rotation import HostCertificates
        from integrations.linux.hostkeys import KnownHost, blob_of, certificate_expiry
        from integrations.linux.key_rotation import LinuxKey
        from integrations.linux.password_rotation import LinuxPassword
        from integrations.linux.restores import ResticRestores
        from integrations.linux.writes import LinuxHosts
        from tenantry.capabilities import HostRef

        own = Settings.model_validate(settings)
        executor = ThreadPoolExecutor(min(_AT_A_TIME, 2 * len(own.hosts) + 6), thread_name_prefix="tenantry-ssh")
        bounds = limits or ssh.Limits(connect=own.connect_timeout)
        authorities = tuple(blob_of(line) for line in own.authorities)

        async def optional(name: str) -> bytes | None:
            try:
                return (await secrets(name)).get_secret_value()
            except InvalidInput:  # the tenant's file names none; whether one is needed shows at the sign-in
                return None

        kept: list[tuple[float, Credential]] = []
        asking = asyncio.Lock()

        async def credential() -> Credential:
            """Kept for a minute: a fan-out to many hosts is one look into the vault."""
            async with asking:
                if not kept or time.monotonic() - kept[0][0] > _KEPT:
                    kept[:] = [(time.monotonic(), await fetched())]
                return kept[0][1]

        async def anew() -> Credential:
            async with asking:
                kept[:] = [(time.monotonic(), await fetched())]
                return kept[0][1]

        async def fetched() -> Credential:
            key = (await secrets("key")).get_secret_value()
            return await asyncio.to_thread(
                keyfile.credential, key, await optional("certificate"), await optional("passphrase")
            )

        async def expiry() -> float | None:
            try:
                certificate = keyfile.certificate_line(await credential())
            except SignInFailed:  # said by whoever signs in with it
                return None
            return certificate_expiry(certificate) if certificate is not None else None

        async def password() -> bytes:
            return (await secrets("sudo_password")).get_secret_value()

        def connect(name: str, place: _Place, via: Connection | None) -> Connection:
            known = KnownHost((name, place.address), tuple(blob_of(line) for line in place.host_keys), authorities)
            target = ssh.Target(name, place.address, place.port, place.account or own.account, known)
            return ssh.Connection(
                target, credential, executor, anew=anew, password=password if asks else None, via=via, limits=bounds
            )

        asks = await optional("sudo_password") is not None
        jump = connect("jump host", own.jump, None) if own.jump is not None else None
        connections = {name: connect(name, host, jump if host.jump else None) for name, host in own.hosts.items()}
        refs = {
            name: HostRef(
                id=name,
                address=host.address,
                gateway=host.gateway or (own.jump is not None and host.address == own.jump.address),
            )
            for name, host in own.hosts.items()
        }
        hosts = LinuxHosts(
            connections,
            refs,
            responders=own.responder_addresses,
            mirrors=own.update_addresses,
            rollback_after=own.rollback_after,
        )
        plans = {
            name: Plan(host.backup.repository, host.backup.paths, host.backup.restores)
            for name, host in own.hosts.items()
            if host.backup is not None
        }

        async def restic_password() -> bytes:
            return (await secrets("restic_password")).get_secret_value()

        backups = ResticRestores(hosts, plans, restic_password) if plans else None

        async def parse(value: bytes) -> Credential:
            certificate, secret = await optional("certificate"), await optional("passphrase")
            return await asyncio.to_thread(keyfile.credential, value, certificate, secret, lenient=True)

        async def passphrase() -> bytes | None:
            return await optional("passphrase")

        async def certified() -> bool:
            return (await credential()).certified is not None

        async def authority(name: str) -> bytes:
            return (await secrets(name)).get_secret_value()

        places = [*connections.values(), *((jump,) if jump is not None else ())]
        credentials: dict[str, Any] = {"key": LinuxKey(places, parse, passphrase, certified)}
        if own.certificate_hours is not None:
            life = timedelta(hours=own.certificate_hours)
            credentials["key"] = CertifiedKey(places, parse, passphrase, partial(authority, "authority"), life)
        if own.host_certificate_days is not None:
            days = timedelta(days=own.host_certificate_days)
            credentials["host_certificates"] = HostCertificates(
                list(connections.values()), authorities, partial(authority, "host_authority"), days
            )
        if asks:
            credentials["sudo_password"] = LinuxPassword([place for place in connections.values() if place.sudo])
        return LinuxHandle(hosts, connections, jump, executor, expiry, backups, credentials, credential)


def _tried(facts: Sequence[Mapping[str, Any]], apart: bool) -> dict[str, bool | None]:
    """Of how each host answered: what was used of our secrets. A certificate counts only where it was what let us in."""
    by = [fact.get("key") for fact in facts]
    key = True if all(how in ("key", "certificate") for how in by) else False if set(by) == {"refused"} else None
    found = {"key": key, "passphrase": key}
    if apart:
        taken, other = set(by) == {"certificate"}, set(by) <= {"key", "refused"}
        found["certificate"] = True if taken else False if other else None
    return found


PROVIDER: Final = LinuxProvider()
