"""Keys that an authority certifies, and certificates of hosts, one for another on real hosts; killed at any command."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_identity,
)
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.linux.connection import Connection
from integrations.linux.keyfile import joined, split
from integrations.linux.provider import PROVIDER
from tenantry.errors import InvalidTenant, ProviderError, Rejected
from tenantry.names import SecretRef
from tenantry.secretstore import SecretVersion
from tests.conformance.credentials import (
    CredentialsConformance,
    CredentialsInPlaceConformance,
    CredentialsWorld,
)
from tests.support.canary import leaks, private_lines
from tests.support.faults import Zygote
from tests.support.hosts import HostNet, Key, host_net
from tests.support.rotation import PATIENT, WHERE, RotationScene, Ticker, killed_and_resumed
from tests.support.rotation import zygote as make_zygote

HOSTS = ("one", "two")
CANDIDATE = "rotations/hosts/key"
KEYS = "home/responder/.ssh/authorized_keys"
CERTIFICATE = "etc/ssh/tenantry_test_key-cert.pub"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("certified")) as made:
        setup = (
            f"echo '{made.authority.public}' > etc/ssh/ca.pub; echo '# revoked' > etc/ssh/revoked_keys\n"
            "printf 'TrustedUserCAKeys /etc/ssh/ca.pub\\nRevokedKeys /etc/ssh/revoked_keys\\n' >> etc/ssh/tenantry_test\n"
            "echo 'PidFile /run/sshd.pid' >> etc/ssh/tenantry_test; cp etc/ssh/tenantry_test etc/ssh/sshd_config"
        )
        made.add(*HOSTS, certified=True, setup=setup)
        yield made


class CertifiedScene(RotationScene):
    """Two hosts that trust an authority for us, and prove themselves by it."""

    policy = PATIENT
    provider = "hosts/key"
    name = "ssh/key"
    names: ClassVar[dict[str, str]] = {
        "key": "ssh/key",
        "authority": "ssh/ca",
        "host_authority": "ssh/ca",
        "host_certificates": "ssh/hosts",
    }

    def __init__(self, folder: Path, net: HostNet) -> None:
        super().__init__(folder)
        self.net = net
        self.settings = net.settings(*HOSTS, certified=True, certificate_hours=24, host_certificate_days=90)
        self.first = Key()
        certificate = net.authority.certify(self.first, "responder", host=False)
        for name in HOSTS:
            host = net.hosts[name]
            host.run(f"echo '# revoked' > /etc/ssh/revoked_keys; : > /{KEYS}")
            made = net.authority.certify(host.key, name, host.address, host=True, before=7200)
            host.run(f"cat > /{CERTIFICATE}", stdin=made + b"\n")
        self.stand.vault.put("acme", "ssh/key", joined(self.first.pem, certificate), kind="ssh_key")
        self.stand.vault.put("acme", "ssh/ca", net.authority.pem)
        self.stand.vault.put("acme", "ssh/hosts", self.before())

    def before(self) -> str:
        """What the vault has of the hosts' certificates at first."""
        return "none yet"

    def places(self) -> dict[str, Any]:
        return {"settings": self.settings}

    def placed(self, places: Mapping[str, Any]) -> None:
        self.settings = places["settings"]

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        async def secret(name: str) -> SecretBytes:
            if name not in self.names:
                raise InvalidTenant(f"no {name}")
            return self.stand.vault.get("acme", self.names[name])

        handle = await PROVIDER.open(self.settings, secret)
        plain = Connection._run

        async def counted(connection: Connection, *given: Any, **more: Any) -> Any:
            return await ticker.through(lambda: plain(connection, *given, **more))

        Connection._run = counted  # type: ignore[method-assign]

        async def services(_: str) -> Any:
            return handle.capability("credentials")

        async def close() -> None:
            Connection._run = plain  # type: ignore[method-assign]
            await handle.aclose()

        refs = {"hosts": {secret: SecretRef("acme", name) for secret, name in self.names.items()}}
        return TenantCredentials(self.stand.vault, "acme", services, refs), close

    def value(self, version: int | None = None) -> bytes:
        return self.stand.vault.get("acme", self.name, version).get_secret_value()

    def lets_in(self, value: bytes) -> list[bool]:
        """By OpenSSH's own client."""
        key, certificate = split(value)
        file = self.stand.home.path / "try"
        beside = file.with_name("try-cert.pub")
        file.write_bytes(key)
        file.chmod(0o600)
        beside.write_bytes((certificate or b"") + b"\n")
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "IdentitiesOnly=yes")
        command = ["ssh", "-F", "none", "-i", str(file), *(part for one in options for part in ("-o", one))]
        if certificate:
            command += ["-o", f"CertificateFile={beside}"]
        hosts = [self.net.hosts[name].address for name in HOSTS]
        found = [subprocess.run([*command, f"responder@{at}", "true"], capture_output=True) for at in hosts]
        file.unlink()
        beside.unlink()
        return [done.returncode == 0 for done in found]

    def live(self) -> set[str]:
        """Of what the vault ever held, what a host lets in."""
        every = self.stand.vault.versions("acme", self.name)
        return {str(one.version) for one in every if any(self.lets_in(self.value(one.version)))}

    def everywhere(self) -> set[str]:
        """Public keys, of what the vault ever held and of the candidate, with which every host lets in."""
        kept = ((self.name, self.stand.vault.versions("acme", self.name)), (CANDIDATE, self._candidates()))
        values = [
            self.stand.vault.get("acme", name, one.version).get_secret_value() for name, some in kept for one in some
        ]
        return {_public(value) for value in values if all(self.lets_in(value))}

    def _candidates(self) -> Sequence[SecretVersion]:
        return self.stand.vault.versions("acme", CANDIDATE)

    async def signs_in(self, version: int | None = None) -> bool:
        return all(self.lets_in(self.value(version)))

    async def refused(self, version: int) -> bool:
        return not any(self.lets_in(self.value(version)))


def _public(value: bytes) -> str:
    """Of a value's private key, in letters that paths take."""
    held: Any = load_ssh_private_key(split(value)[0], None)
    line = held.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.urlsafe_b64encode(base64.b64decode(line.split()[1])).decode()


class HostCertificateScene(CertifiedScene):
    provider = "hosts/host_certificates"
    name = "ssh/hosts"

    def live(self) -> set[str]:
        return {"certificates"}

    def hidden(self, value: str) -> dict[str, str]:  # certificates are shown to whoever connects
        return {}

    def shown(self) -> list[bytes]:
        """The files that the sshds serve."""
        return [self.net.hosts[name].run(f"cat /{CERTIFICATE}").split()[1].encode() for name in HOSTS]

    async def signs_in(self, version: int | None = None) -> bool:
        return all(one in self.value(version) for one in self.shown())

    async def refused(self, version: int) -> bool:
        return not any(one in self.value(version) for one in self.shown())

    async def works_somehow(self) -> bool:
        return self.proves_itself()

    def proves_itself(self) -> bool:
        """Each host, to OpenSSH's own client, by a certificate of the authority."""
        file, known = self.stand.home.path / "try", self.stand.home.path / "known"
        key, certificate = split(self.stand.vault.get("acme", "ssh/key").get_secret_value())
        file.write_bytes(key)
        file.chmod(0o600)
        file.with_name("try-cert.pub").write_bytes((certificate or b"") + b"\n")
        known.write_text(f"@cert-authority * {self.net.authority.public}\n")
        options = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}", "BatchMode=yes", "IdentitiesOnly=yes")
        command = ["ssh", "-F", "none", "-i", str(file), *(part for one in options for part in ("-o", one))]
        return all(self._lets_in([*command, f"responder@{self.net.hosts[name].address}", "true"]) for name in HOSTS)

    @staticmethod
    def _lets_in(command: list[str]) -> bool:
        """sshd starts itself anew when it is told to read its files (sshd(8), SIGHUP), and nothing listens meanwhile: whoever was killed
        just then left it on its way. One that stays away has locked everybody out."""
        for _ in range(40):
            tried = subprocess.run(command, capture_output=True, text=True)
            if tried.returncode == 0 or "Connection refused" not in tried.stderr:
                break
            time.sleep(0.25)
        return tried.returncode == 0


class ShownScene(HostCertificateScene):
    """What the hosts show is in the vault."""

    def before(self) -> str:
        return "".join(f"{name} {self.net.hosts[name].run(f'cat /{CERTIFICATE}').strip()}\n" for name in HOSTS)


DONE = {"make": "changed", "prove": "observed", "use": "changed", "forget": "changed"}


@pytest.fixture
def scene(net: HostNet, tmp_path: Path) -> Iterator[CertifiedScene]:
    made = CertifiedScene(tmp_path, net)
    yield made
    made.close()


class TestCertifiedKey(CredentialsConformance):
    @pytest.fixture
    async def world(self, scene: CertifiedScene) -> AsyncIterator[CredentialsWorld]:
        credentials, close = await scene.opened(Ticker())
        yield CredentialsWorld(credentials, scene.everywhere, scene.signs_in, scene.provider, scene.refused)
        await close()


class TestHostCertificates(CredentialsInPlaceConformance):
    @pytest.fixture
    async def world(self, net: HostNet, tmp_path: Path) -> AsyncIterator[CredentialsWorld]:
        scene = ShownScene(tmp_path, net)
        credentials, close = await scene.opened(Ticker())
        yield CredentialsWorld(credentials, scene.live, scene.signs_in, scene.provider, scene.refused)
        await close()
        scene.close()


async def test_a_certified_key_is_replaced_and_the_old_one_revoked(scene: CertifiedScene) -> None:
    assert await scene.signs_in()
    await scene.run(mode="plan")
    assert scene.status() == "planned", scene.stand.view("run-1")
    assert await scene.signs_in()
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-2")
    assert scene.outcomes() == DONE | {"remove_old": "changed"}
    assert await scene.signs_in()
    assert await scene.refused(1)
    newest = scene.stand.vault.versions("acme", "ssh/key")[0]
    assert newest.expires_at is not None
    assert newest.rotate_at is not None
    left = (newest.expires_at - datetime.now(UTC)).total_seconds() / 3600
    assert 23.9 < left < 24.1
    assert newest.rotate_at < newest.expires_at
    revoked = scene.net.hosts["one"].run("cat /etc/ssh/revoked_keys").splitlines()
    assert revoked == ["# revoked", scene.first.public]
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-3")
    assert scene.live() == {"3"}
    keys = [split(scene.value(version))[0].decode() for version in (1, 2, 3)] + [scene.net.authority.pem.decode()]
    assert (
        leaks(
            scene.folder,
            {f"{n} {name}": line for n, key in enumerate(keys) for name, line in private_lines(key).items()},
        )
        == []
    )


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with make_zygote() as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "points"), [(CertifiedScene, {"write_during": 3}), (HostCertificateScene, {"append_before": 2})]
)
async def test_killed_anywhere_nobody_is_locked_out(
    kind: type[CertifiedScene], points: dict[str, int], zygote: Zygote, net: HostNet, tmp_path: Path
) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, net), points) >= 2


async def test_a_host_without_a_list_of_revoked_keys_begins_nothing(scene: CertifiedScene) -> None:
    """The old certificate would live on, and nobody could say that it is dead."""
    for broken, said in ((": > /etc/ssh/revoked_keys", "empty"), ("ssh-keygen -qkf /etc/ssh/revoked_keys", "binary")):
        kept = scene.net.hosts["two"].run("cat /etc/ssh/revoked_keys")
        credentials, close = await scene.opened(Ticker())
        scene.net.hosts["two"].run(broken)
        with pytest.raises(Rejected) as refused:
            await credentials.make("hosts/key", "label")
        assert said in refused.value.message
        await close()
        scene.net.hosts["two"].run("cat > /etc/ssh/revoked_keys", stdin=kept.encode())
    assert not any(name.startswith("rotations/") for name in scene.stored())


async def test_a_certificate_is_proven_only_where_it_is_what_let_us_in(scene: CertifiedScene, net: HostNet) -> None:
    """The key stands in authorized_keys as well: a certificate that nobody trusts must not look proven by it."""
    pem, other = scene.first.pem, Key()
    good = net.authority.certify(scene.first, "responder", host=False)
    bad = other.certify(scene.first, "responder", host=False)
    for name in HOSTS:
        net.hosts[name].run(f"echo '{scene.first.public}' > /{KEYS}")

    async def tried(certificate: bytes) -> Any:
        handle = await PROVIDER.open(
            net.settings(*HOSTS, certified=True), net.secrets(key=pem, certificate=certificate)
        )
        try:
            return await handle.check()
        finally:
            await handle.aclose()

    found = await tried(good)
    assert found.tried == {"key": True, "passphrase": True, "certificate": True}
    assert found.problems == ()
    found = await tried(bad)
    assert found.signed_in, "by the key alone"
    assert found.tried["certificate"] is False
    assert "does not take our certificate" in found.problems[0]
    net.hosts["two"].run(": > /etc/ssh/ca.pub")
    found = await tried(good)
    assert found.tried["certificate"] is None, "neither proven nor dead"
    net.hosts["two"].run(f"echo '{net.authority.public}' > /etc/ssh/ca.pub")
    found = await tried(b"ssh-ed25519-cert-v01@openssh.com AAAA")
    assert found.tried == {"key": None, "passphrase": None, "certificate": None}, "it cannot be read: nobody refused it"


async def test_host_certificates_are_issued_anew(net: HostNet, tmp_path: Path) -> None:
    scene = HostCertificateScene(tmp_path, net)
    before = scene.shown()
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert scene.outcomes() == DONE | {"remove_old": "already"}
    assert await scene.signs_in()
    assert not set(before) & set(scene.shown())
    assert await scene.works_somehow()
    for name, shown in zip(HOSTS, scene.shown(), strict=True):
        held: Any = load_ssh_public_identity(b"ssh-ed25519-cert-v01@openssh.com " + shown)
        assert {one.decode() for one in held.valid_principals} == {name, net.hosts[name].address}
        assert 89 * 86_400 < held.valid_before - time.time() <= 90 * 86_400
    newest = scene.stand.vault.versions("acme", "ssh/hosts")[0]
    assert newest.expires_at is not None
    assert 89 <= (newest.expires_at - datetime.now(UTC)).days <= 90
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-2")
    authority = net.authority.pem.decode()
    assert leaks(scene.folder, private_lines(authority) | private_lines(net.key.pem.decode())) == []
    scene.close()


async def test_undone_the_hosts_show_what_they_showed(net: HostNet, tmp_path: Path) -> None:
    scene = HostCertificateScene(tmp_path, net)
    await scene.run()
    before = scene.shown()
    credentials, close = await scene.opened(Ticker())
    await credentials.make("hosts/host_certificates", "label")
    assert not set(before) & set(scene.shown())
    await credentials.discard("hosts/host_certificates")
    await credentials.discard("hosts/host_certificates")
    await close()
    assert scene.shown() == before
    scene.close()


async def test_another_authority_certifies_nobody(net: HostNet, tmp_path: Path) -> None:
    scene = HostCertificateScene(tmp_path, net)
    scene.stand.vault.put("acme", "ssh/ca", Key().pem)
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(Rejected) as refused:
        await credentials.make("hosts/host_certificates", "label")
    assert "none of those by which hosts are known" in refused.value.message
    scene.stand.vault.put("acme", "ssh/ca", "canary-not-a-key")
    with pytest.raises(ProviderError) as unread:
        await credentials.make("hosts/host_certificates", "label")
    assert "canary" not in f"{unread.value} {unread.value.detail}"
    await close()
    scene.close()


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", [CertifiedScene, HostCertificateScene])
async def test_killed_everywhere(
    kind: type[CertifiedScene], where: str, zygote: Zygote, net: HostNet, tmp_path: Path
) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, net), {where: 10_000}) > 9
