"""What every provider of ``host`` must do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tenantry.capabilities import Host
from tenantry.errors import TargetNotFound


@dataclass
class HostWorld:
    """Hosts with the story of the lab's scenario ``compromised_host`` on one of them."""

    provider: Host
    host: str
    hosts: frozenset[str]
    probe: str
    """Another host, from which ``host`` is looked at."""
    systemd: bool


class HostConformance:
    """Inherit and give the fixture ``world``; each test finds the story as it began, or leaves it so."""

    def test_has_every_method(self, world: HostWorld) -> None:
        assert isinstance(world.provider, Host)

    async def test_hosts_by_name(self, world: HostWorld) -> None:
        assert {host.id for host in await world.provider.hosts()} == world.hosts

    async def test_another_host_is_nobodys(self, world: HostWorld) -> None:
        provider = world.provider
        for call in (provider.facts, provider.accounts, provider.units, provider.isolation, provider.release):
            with pytest.raises(TargetNotFound):
                await call("elsewhere")
        with pytest.raises(TargetNotFound):
            [_ async for _ in provider.files("elsewhere", ["/etc/hostname"])]
        with pytest.raises(TargetNotFound):
            await provider.lock_account("../web1", "sysupd")

    async def test_facts(self, world: HostWorld) -> None:
        facts = await world.provider.facts(world.host)
        assert facts.id == facts.hostname == world.host
        assert facts.responder_account == "responder"
        assert abs(facts.clock_skew) < 2
        assert facts.booted_at < datetime.now(UTC)
        assert facts.addresses
        assert (facts.manager == "systemd") is world.systemd

    async def test_accounts(self, world: HostWorld) -> None:
        accounts = {account.id: account for account in await world.provider.accounts(world.host)}
        assert {"root", "responder", "deploy", "alice", "sysupd"} <= accounts.keys()
        assert accounts["sysupd"].privileged
        assert not accounts["deploy"].privileged
        assert accounts["sysupd"].password == "set"
        assert accounts["deploy"].open(datetime.now(UTC).date())
        assert not accounts["www-data"].open(datetime.now(UTC).date())

    async def test_a_survey_sees_what_the_single_reads_see(self, world: HostWorld) -> None:
        provider, found = world.provider, await world.provider.survey(world.host)
        assert found.host == world.host
        assert {account.id for account in found.accounts} == {one.id for one in await provider.accounts(world.host)}
        assert {(key.id, key.enabled) for key in found.keys} == {
            (one.id, one.enabled) for one in await provider.authorized_keys(world.host)
        }
        lines = {entry.id for entry in await provider.cron(world.host) if entry.kind == "line"}
        assert {entry.id for entry in found.cron} == lines
        unit = next(file for file in found.files if file.path.endswith("/sys-healthd.service"))
        assert (unit.area, found.owner(unit.path)) == ("unit", None)
        assert "kworkerd" in (unit.content or "")
        assert any(process.executable.endswith("kworkerd") for process in found.processes)
        assert any(call.remote == "203.0.113.66" for call in found.connections)
        assert not {"accounts", "keys", "files", "owners", "processes", "connections"}.intersection(found.unread)

    async def test_an_account_is_locked_and_unlocked(self, world: HostWorld) -> None:
        async def sysupd() -> Any:
            return next(a for a in await world.provider.accounts(world.host) if a.id == "sysupd")

        before = await sysupd()
        for _ in range(2):
            await world.provider.lock_account(world.host, "sysupd")
        locked = await sysupd()
        assert locked.password == "locked"
        assert locked.expires == date(1970, 1, 2)
        assert not locked.open(datetime.now(UTC).date())
        await world.provider.unlock_account(world.host, "sysupd", password=True, expires=before.expires)
        assert await sysupd() == before

    async def test_keys_are_put_into_quarantine_and_given_back(self, world: HostWorld) -> None:
        async def keys() -> dict[str, Any]:
            return {key.id: key for key in await world.provider.authorized_keys(world.host)}

        before = await keys()
        attackers = [key for key in before.values() if "attacker" in key.comment]
        assert {key.account for key in attackers} == {"root", "sysupd"}
        assert len({key.fingerprint for key in attackers}) == 1
        assert all(key.enabled and key.fingerprint.startswith("SHA256:") for key in before.values())
        root = next(key for key in attackers if key.account == "root")
        for _ in range(2):
            await world.provider.set_key_enabled(world.host, root, False)
        assert {id: key.enabled for id, key in (await keys()).items()} == {id: id != root.id for id in before}
        for _ in range(2):
            await world.provider.set_key_enabled(world.host, root, True)
        assert {id: key.line for id, key in (await keys()).items()} == {id: key.line for id, key in before.items()}
        assert all(key.enabled for key in (await keys()).values())

    async def test_cron_entries(self, world: HostWorld) -> None:
        async def cron() -> dict[str, Any]:
            return {entry.id: entry for entry in await world.provider.cron(world.host)}

        before = await cron()
        evil = next(entry for entry in before.values() if "203.0.113.66" in entry.command)
        assert (evil.account, evil.schedule, evil.path) == ("root", "*/5 * * * *", "/etc/cron.d/0sync")
        assert any(entry.account == "deploy" and entry.schedule == "@reboot" for entry in before.values())
        for _ in range(2):
            await world.provider.set_cron_enabled(world.host, evil, False)
        off = {id for id, entry in before.items() if not entry.enabled}
        assert {id for id, entry in (await cron()).items() if not entry.enabled} == off | {evil.id}
        for _ in range(2):
            await world.provider.set_cron_enabled(world.host, evil, True)
        assert {id: (e.line, e.enabled) for id, e in (await cron()).items()} == {
            id: (e.line, e.enabled) for id, e in before.items()
        }

    async def test_a_unit_is_masked_and_given_back(self, world: HostWorld) -> None:
        async def unit(name: str = "sys-healthd.service") -> Any:
            return next(u for u in await world.provider.units(world.host) if u.id == name)

        before, other = await unit(), await unit("node-exporter.service")
        assert before.enabled == "enabled"
        assert "kworkerd" in before.command
        assert before.package is None
        assert (await unit("cron.service")).package
        for _ in range(2):
            await world.provider.set_unit_enabled(world.host, before, False)
        assert (await unit()).enabled == "masked"
        assert (await unit()).active != "active"
        for _ in range(2):
            await world.provider.set_unit_enabled(world.host, before, True)
        after = await unit()
        assert (after.enabled, after.sha256, after.command) == (before.enabled, before.sha256, before.command)
        assert (await unit("node-exporter.service")) == other

    async def test_processes_and_where_they_are_connected(self, world: HostWorld) -> None:
        processes = await world.provider.processes(world.host)
        implant = next(p for p in processes if p.executable == "/dev/shm/.x/kworkerd")
        assert implant.deleted
        assert implant.account == "sysupd"
        assert implant.id.startswith(f"{implant.pid}:")
        calls = [c for c in await world.provider.connections(world.host) if c.remote == "203.0.113.66"]
        assert [c.pids for c in calls] == [(implant.pid,)]
        image = b"".join([p async for p in world.provider.process_image(world.host, implant.id, "executable")])
        assert image.startswith(b"\x7fELF")
        assert [p async for p in world.provider.process_image(world.host, implant.id, "maps")]

    async def test_a_process_is_stopped_and_goes_on(self, world: HostWorld) -> None:
        async def implant() -> Any:
            return next(p for p in await world.provider.processes(world.host) if p.executable.endswith("kworkerd"))

        found = await implant()
        await world.provider.signal(world.host, found.id, "stop")
        assert (await implant()).state == "T"
        await world.provider.signal(world.host, found.id, "continue")
        assert (await implant()).state != "T"

    async def test_a_process_that_is_gone(self, world: HostWorld) -> None:
        gone = "4194000:1"
        await world.provider.signal(world.host, gone, "kill")
        with pytest.raises(TargetNotFound):
            await world.provider.signal(world.host, gone, "stop")
        with pytest.raises(TargetNotFound):
            [_ async for _ in world.provider.process_image(world.host, gone, "executable")]

    async def test_logins(self, world: HostWorld) -> None:
        since = datetime.now(UTC) - timedelta(days=30)
        logins = [login async for login in world.provider.logins(world.host, since)]
        assert [login.at for login in logins] == sorted(login.at for login in logins)
        assert len({login.id for login in logins}) == len(logins)
        attackers = [login for login in logins if login.origin == "203.0.113.66"]
        assert {login.account for login in attackers if login.success} == {"deploy", "root", "sysupd"}
        assert sum(not login.success for login in attackers) == 3
        key = next(login.key for login in attackers if login.account == "root" and login.success)
        assert key in {key.fingerprint for key in await world.provider.authorized_keys(world.host)}
        late = [login async for login in world.provider.logins(world.host, datetime.now(UTC) - timedelta(hours=2))]
        assert {login.account for login in late} == {"sysupd"}

    async def test_files_with_hashes(self, world: HostWorld) -> None:
        paths = ["/var/www/html", "/nowhere"]
        found = {file.path: file async for file in world.provider.files(world.host, paths) if file.kind == "file"}
        assert found.keys() == {"/var/www/html/index.html"}
        content = b"".join([p async for p in world.provider.read_file(world.host, "/var/www/html/index.html")])
        assert content == b"<h1>owned</h1>\n"
        assert found["/var/www/html/index.html"].sha256 == hashlib.sha256(content).hexdigest()
        assert found["/var/www/html/index.html"].size == len(content)
        with pytest.raises(TargetNotFound):
            [_ async for _ in world.provider.read_file(world.host, "/nowhere")]

    async def test_volatile_sources(self, world: HostWorld) -> None:
        sources = await world.provider.volatile_sources(world.host)
        order = [name for name in sources if name in ("connections", "processes", "sessions", "temporary-files")]
        assert order == ["connections", "processes", "sessions", "temporary-files"]
        text = b"".join([p async for p in world.provider.volatile(world.host, "connections")])
        assert b"203.0.113.66" in text
        with pytest.raises(TargetNotFound):
            [_ async for _ in world.provider.volatile(world.host, "/etc/shadow")]

    async def test_packages(self, world: HostWorld) -> None:
        assert "sudo" in {package.id for package in await world.provider.packages(world.host)}

    async def test_isolated_and_released(self, world: HostWorld) -> None:
        provider = world.provider
        assert await provider.reaches(world.probe, world.host)
        try:
            for _ in range(2):
                await provider.isolate(world.host, ["192.0.2.99"])
            state = await provider.isolation(world.host)
            assert state.active
            assert state.confirmed
            assert "192.0.2.99" in " ".join(state.allowed)
            assert not await provider.reaches(world.probe, world.host)
            assert (await provider.facts(world.host)).id == world.host
        finally:
            for _ in range(2):
                await provider.release(world.host)
        assert not (await provider.isolation(world.host)).active
        assert await provider.reaches(world.probe, world.host)

    async def test_what_is_not_there_is_not_changed(self, world: HostWorld) -> None:
        key = (await world.provider.authorized_keys(world.host))[0]
        entry = next(iter(await world.provider.cron(world.host)))
        before = await world.provider.authorized_keys(world.host)
        with pytest.raises(TargetNotFound):
            await world.provider.set_cron_enabled(
                world.host, entry.model_copy(update={"id": "/etc/cron.d/none#0", "path": "/etc/cron.d/none"}), False
            )
        other = key.model_copy(update={"line": key.line + "x", "id": key.id + "x"})
        await world.provider.set_key_enabled(world.host, other, False)
        assert await world.provider.authorized_keys(world.host) == before
