"""The key that signs in and the password that sudo asks for, one for another, on real hosts; killed at any command."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.linux.connection import Connection
from integrations.linux.provider import PROVIDER
from tenantry.errors import InvalidTenant, NotFound, ProviderError, Rejected, Unreachable
from tenantry.names import SecretRef
from tests.conformance.credentials import (
    CredentialsConformance,
    CredentialsInPlaceConformance,
    CredentialsWorld,
)
from tests.support.faults import Zygote
from tests.support.hosts import HostNet, Key, host_net
from tests.support.rotation import PATIENT, WHERE, RotationScene, Ticker, killed_and_resumed
from tests.support.rotation import zygote as make_zygote

HOSTS = ("one", "two")
KEYS = "home/responder/.ssh/authorized_keys"
PASSWORD = "c4nary-sudo!"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("rotation")) as made:
        # Without the pause after a wrong password: two seconds each, and no processor.
        quick = "sed -i 's/pam_unix.so/pam_unix.so nodelay/' etc/pam.d/common-auth"
        made.add(*HOSTS, sudo="ALL=(ALL) ALL", setup=quick)
        yield made


class HostScene(RotationScene):
    """Two hosts as they were before anybody rotated anything."""

    policy = PATIENT

    def __init__(self, folder: Path, net: HostNet, *, options: str = "") -> None:
        super().__init__(folder)
        self.net = net
        self.settings = net.settings(*HOSTS)
        for name in HOSTS:
            line = f"{options}{' ' if options else ''}{net.key.public} responder"
            net.hosts[name].run(
                f"printf '%s\\n# a note' '{line}' > /{KEYS}; chown responder: /{KEYS}; chmod 600 /{KEYS}"
            )
            net.hosts[name].run(f"echo 'responder:{PASSWORD}' | chpasswd -c SHA256")
        self.stand.vault.put("acme", "ssh/key", net.key.pem, kind="ssh_key")
        self.stand.vault.put("acme", "ssh/sudo", PASSWORD, kind="password")

    def places(self) -> dict[str, Any]:
        return {"settings": self.settings}

    def placed(self, places: Mapping[str, Any]) -> None:
        self.settings = places["settings"]

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        names = {"key": "ssh/key", "sudo_password": "ssh/sudo"}

        async def secret(name: str) -> SecretBytes:
            if name not in names:
                raise InvalidTenant(f"no {name}")
            return self.stand.vault.get("acme", names[name])

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

        refs = {"hosts": {secret: SecretRef("acme", name) for secret, name in names.items()}}
        return TenantCredentials(self.stand.vault, "acme", services, refs), close

    def value(self, version: int | None = None) -> bytes:
        return self.stand.vault.get("acme", self.name, version).get_secret_value()

    def lines(self, host: str) -> list[str]:
        return self.net.hosts[host].run(f"cat /{KEYS}").splitlines()


class KeyScene(HostScene):
    provider = "hosts/key"
    name = "ssh/key"

    def live(self) -> set[str]:
        return {line for host in HOSTS for line in self.lines(host) if "ssh-" in line}

    def everywhere(self) -> set[str]:
        """Digests of the keys that every host has."""
        held = [{_digest(line) for line in self.lines(host) if "ssh-" in line} for host in HOSTS]
        return set.intersection(*held)

    async def signs_in(self, version: int | None = None) -> bool:
        return all(self._ssh(host, self.value(version)) for host in HOSTS)

    async def refused(self, version: int) -> bool:
        return not any(self._ssh(host, self.value(version)) for host in HOSTS)

    def _ssh(self, host: str, pem: bytes) -> bool:
        """By OpenSSH's own client."""
        file = self.stand.home.path / "try"
        file.write_bytes(pem)
        file.chmod(0o600)
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "IdentitiesOnly=yes")
        command = ["ssh", "-F", "none", "-i", str(file), *(part for one in options for part in ("-o", one))]
        done = subprocess.run([*command, f"responder@{self.net.hosts[host].address}", "true"], capture_output=True)
        file.unlink()
        return done.returncode == 0


def _digest(line: str) -> str:
    blob = next(word for word in line.split() if word.startswith("AAAA"))
    return hashlib.sha256(base64.b64decode(blob)).hexdigest()


class PasswordScene(HostScene):
    provider = "hosts/sudo_password"
    name = "ssh/sudo"

    def live(self) -> set[str]:
        return {"password"}

    async def signs_in(self, version: int | None = None) -> bool:
        return all(self._sudo(host, self.value(version)) for host in HOSTS)

    async def refused(self, version: int) -> bool:
        return not any(self._sudo(host, self.value(version)) for host in HOSTS)

    async def works_somehow(self) -> bool:
        """Each host takes one that the vault has."""
        have = [self.value()]
        with contextlib.suppress(NotFound):
            have.append(self.stand.vault.get("acme", "rotations/hosts/sudo_password").get_secret_value())
        return all(any(self._sudo(host, value) for value in have) for host in HOSTS)

    def _sudo(self, host: str, value: bytes) -> bool:
        """By the host's own file, hashed as the system does."""
        found = self.net.hosts[host].run("grep '^responder:' /etc/shadow | cut -d: -f2").strip()
        libcrypt = ctypes.CDLL("libcrypt.so.1")
        libcrypt.crypt.restype = ctypes.c_char_p
        made: bytes = libcrypt.crypt(value, found.encode())
        return made == found.encode()


@pytest.fixture(params=[KeyScene, PasswordScene])
def scene(request: pytest.FixtureRequest, net: HostNet, tmp_path: Path) -> Iterator[HostScene]:
    made: HostScene = request.param(tmp_path, net)
    yield made
    made.close()


class TestKey(CredentialsConformance):
    @pytest.fixture
    async def world(self, net: HostNet, tmp_path: Path) -> AsyncIterator[CredentialsWorld]:
        scene = KeyScene(tmp_path, net)
        credentials, close = await scene.opened(Ticker())
        yield CredentialsWorld(credentials, scene.everywhere, scene.signs_in, scene.provider, scene.refused)
        await close()
        scene.close()


class TestPassword(CredentialsInPlaceConformance):
    @pytest.fixture
    async def world(self, net: HostNet, tmp_path: Path) -> AsyncIterator[CredentialsWorld]:
        scene = PasswordScene(tmp_path, net)
        credentials, close = await scene.opened(Ticker())
        yield CredentialsWorld(credentials, scene.live, scene.signs_in, scene.provider, scene.refused)
        await close()
        scene.close()


async def test_a_run_replaces_it_everywhere(scene: HostScene) -> None:
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    removed = "changed" if scene.provider == "hosts/key" else "already"
    assert scene.outcomes() == {
        **{"make": "changed", "prove": "observed", "use": "changed", "remove_old": removed, "forget": "changed"}
    }
    assert len(scene.live()) == 1
    assert await scene.signs_in()
    assert await scene.refused(1)
    newest = scene.stand.vault.versions("acme", scene.name)[0]
    assert (newest.version, newest.kind) == (2, {"ssh/key": "ssh_key", "ssh/sudo": "password"}[scene.name])
    assert newest.rotate_at is not None
    await scene.run()
    assert scene.status() == "completed"
    assert len(scene.live()) == 1


async def test_a_plan_changes_nothing(scene: HostScene) -> None:
    before = scene.live()
    await scene.run(mode="plan")
    assert scene.status() == "planned", scene.stand.view("run-1")
    assert scene.live() == before
    assert await scene.signs_in()
    assert scene.stored() == {"ssh/key": 1, "ssh/sudo": 1}


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with make_zygote() as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "points"), [(KeyScene, {"append_after": 2, "write_before": 2}), (PasswordScene, {"write_during": 3})]
)
async def test_killed_anywhere_nobody_is_locked_out(
    kind: type[HostScene], points: dict[str, int], zygote: Zygote, net: HostNet, tmp_path: Path
) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, net), points) >= 2


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", [KeyScene, PasswordScene])
async def test_killed_everywhere(
    kind: type[HostScene], where: str, zygote: Zygote, net: HostNet, tmp_path: Path
) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, net), {where: 10_000}) > 9


async def test_a_host_that_is_away_stops_it_before_anything_is_changed(net: HostNet, tmp_path: Path) -> None:
    scene = KeyScene(tmp_path, net)
    before = scene.live()
    credentials, close = await scene.opened(Ticker())
    place = (await credentials._services("hosts"))["key"]._places[1]
    object.__setattr__(place.target, "port", 9)
    with pytest.raises(Unreachable):
        await credentials.make("hosts/key", "label")
    await close()
    assert scene.live() == before
    scene.close()


async def test_options_and_other_lines_stay(net: HostNet, tmp_path: Path) -> None:
    other = Key()
    scene = KeyScene(tmp_path, net, options='no-pty,environment="A=ssh-ed25519 x"')
    net.hosts["one"].run(f"printf '\\n%s\\n' '{other.public} somebody' >> /{KEYS}")
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    lines = scene.lines("one")
    assert "# a note" in lines
    assert f"{other.public} somebody" in lines
    (ours,) = [line for line in lines if "Tenantry rotation" in line]
    assert ours.startswith('no-pty,environment="A=ssh-ed25519 x" ssh-ed25519 AAAA')
    assert not any(net.key.public in line for line in lines)
    scene.close()


async def test_undone_before_it_was_used_the_old_one_alone_is_left(scene: HostScene) -> None:
    before = {host: [line for line in scene.lines(host) if "ssh-" in line] for host in HOSTS}
    credentials, close = await scene.opened(Ticker())
    await credentials.make(scene.provider, "label")
    assert (await credentials.state(scene.provider)).candidate is not None
    await credentials.discard(scene.provider)
    await credentials.discard(scene.provider)
    await close()
    assert {host: [line for line in scene.lines(host) if "ssh-" in line] for host in HOSTS} == before
    assert await scene.signs_in()
    assert scene.stored() == {"ssh/key": 1, "ssh/sudo": 1}


async def test_a_key_that_stands_elsewhere_is_left_to_a_person(net: HostNet, tmp_path: Path) -> None:
    scene = KeyScene(tmp_path, net)
    scene.stand.vault.put("acme", "ssh/key", Key().pem)
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(ProviderError):
        await credentials.make("hosts/key", "label")
    await close()
    scene.close()


async def test_a_password_that_sudo_never_asks_for_is_not_believed(net: HostNet, tmp_path: Path) -> None:
    scene = PasswordScene(tmp_path, net)
    net.hosts["two"].run("echo 'responder ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/responder")
    credentials, close = await scene.opened(Ticker())
    try:
        with pytest.raises(Rejected) as refused:
            await credentials.state("hosts/sudo_password")
        assert "asks responder for no password" in refused.value.message
    finally:
        net.hosts["two"].run("echo 'responder ALL=(ALL) ALL' > /etc/sudoers.d/responder")
        await close()
        scene.close()


async def test_which_of_several_has_to_be_said(net: HostNet, tmp_path: Path) -> None:
    scene = KeyScene(tmp_path, net)
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(InvalidTenant) as which:
        await credentials.state("hosts")
    assert "hosts/key, hosts/sudo_password" in which.value.message
    await close()
    scene.close()


async def test_no_value_is_in_the_record(scene: HostScene) -> None:
    await scene.run()
    values = [scene.value(1), scene.value(2)]
    inside = [value.replace(b"\n", b"\\n") for value in values]
    said = (repr(scene.stand.view("run-1")) + repr(scene.stand.journal.tail("acme"))).encode()
    for value in inside:
        assert value not in said
        assert value.split(b"\\n")[-2][:40] not in said if b"\\n" in value else True


async def test_on_some_hosts_is_neither_working_nor_dead(net: HostNet, tmp_path: Path) -> None:
    scene = KeyScene(tmp_path, net)
    credentials, close = await scene.opened(Ticker())
    service = (await credentials._services("hosts"))["key"]
    value = SecretBytes(scene.value())
    (present,) = await service.live()
    assert present.complete
    assert await service.works(value)
    net.hosts["two"].run(f"sed -i /ssh-/d /{KEYS}")  # the connection that is open goes on
    (present,) = await service.live()
    assert not present.complete
    assert not await service.works(value)
    assert not await service.dead(value)
    await close()
    scene.close()


async def test_the_key_takes_itself_away_and_other_lines_stay(net: HostNet, tmp_path: Path) -> None:
    other = Key()
    scene = KeyScene(tmp_path, net)
    net.hosts["one"].run(f"printf '\\n%s\\n' '{other.public} somebody' >> /{KEYS}")
    credentials, close = await scene.opened(Ticker())
    service = (await credentials._services("hosts"))["key"]
    value = SecretBytes(scene.value())
    assert await service.can_leave()
    await service.leave(value)
    await service.leave(value)  # gone is gone
    assert await service.dead(value)
    await close()
    assert await scene.refused(1)
    assert scene.live() == {f"{other.public} somebody"}
    assert "# a note" in scene.lines("one")
    scene.close()


async def test_a_run_beside_it_takes_the_new_key(net: HostNet, tmp_path: Path) -> None:
    """It read the old one a moment ago, and keeps keys for a minute."""
    scene = KeyScene(tmp_path, net)

    async def secret(name: str) -> SecretBytes:
        if name != "key":
            raise InvalidTenant(f"no {name}")
        return scene.stand.vault.get("acme", "ssh/key")

    beside = await PROVIDER.open(net.settings(*HOSTS), secret)
    (place, _) = beside.connections()
    await place.login()
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    other = await place.fresh()
    assert other.opened_count == 1
    await other.aclose()
    await beside.aclose()
    scene.close()
