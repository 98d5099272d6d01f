"""Units on a host that a real systemd runs: services and timers stopped, disabled, masked and given back; what is begun through systemd goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.linux import survey
from integrations.linux.connection import Connection
from integrations.linux.provider import PROVIDER
from tasks.host.disable_unit import DisableUnit, DisableUnitParams
from tenantry.capabilities import HostUnit
from tenantry.errors import Unreachable
from tenantry.task import Change
from tests.support.hosts import HostNet, TestHost, host_net

_SETUP = """
cat > etc/systemd/system/evil.service <<'END'
[Service]
ExecStart=/bin/sleep 86000
Restart=always
RestartSec=0
[Install]
WantedBy=multi-user.target
END
printf '[Service]\nType=oneshot\nExecStart=/bin/touch /run/evil-ran\n' > etc/systemd/system/evil-job.service
cat > etc/systemd/system/evil-tick.timer <<'END'
[Timer]
OnCalendar=hourly
Unit=evil-job.service
[Install]
WantedBy=timers.target
END
printf '[Service]\nExecStart=/bin/sleep 86001\n[Install]\nWantedBy=multi-user.target\n' > usr/lib/systemd/system/packed.service
SYSTEMD_OFFLINE=1 chroot . systemctl enable -q evil.service evil-tick.timer packed.service
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("systemd")) as made:
        made.add("sys1", setup=_SETUP, systemd=True)
        made.add("other")
        yield made


@pytest.fixture
def sys1(net: HostNet) -> TestHost:
    return net.hosts["sys1"]


@pytest.fixture
async def host(net: HostNet) -> AsyncIterator[Any]:
    handle = await PROVIDER.open(net.settings("sys1", "other"), net.secrets())
    yield handle.capability("host")
    await handle.aclose()


class Ctx:
    """As much of a context as the task looks at."""

    def __init__(self, host: Any) -> None:
        self.host = host

    def seen(self, _path: str, value: Any) -> Any:
        return value


async def unit(host: Any, name: str) -> HostUnit:
    return next(one for one in await host.units("sys1") if one.id == name)


async def until(look: Callable[[], Any], wanted: Any) -> None:
    found = None
    for _ in range(200):
        found = look()
        if found == wanted:
            return
        await asyncio.sleep(0.05)
    assert found == wanted


async def test_it_is_systemd_that_runs_there(host: Any, sys1: TestHost) -> None:
    assert sys1.run("cat /proc/1/comm").strip() == "systemd"
    facts = await host.facts("sys1")
    assert (facts.manager, facts.hostname) == ("systemd", "sys1")


@pytest.mark.parametrize(
    ("name", "enabled", "active", "process"),
    [
        ("evil.service", "enabled", "active", "sleep 86000"),
        ("evil-tick.timer", "enabled", "active", None),
        ("packed.service", "enabled", "active", "sleep 86001"),
    ],
)
async def test_a_unit_is_stopped_and_masked_and_given_back_as_it_was(
    host: Any, sys1: TestHost, name: str, enabled: str, active: str, process: str | None
) -> None:
    before = await unit(host, name)
    assert (before.enabled, before.active) == (enabled, active)
    for _ in range(2):
        await host.set_unit_enabled("sys1", before, False)
    off = await unit(host, name)
    assert (off.enabled, off.active) == ("masked", "inactive")
    assert sys1.run(f"systemctl is-enabled {name}", check=False).strip() == "masked"
    assert sys1.run(f"systemctl start {name}", check=False) == ""
    assert (await unit(host, name)).active == "inactive", "nobody starts it as long as it is masked"
    if process is not None:
        assert process not in sys1.run("ps -eo args")
    for _ in range(2):
        await host.set_unit_enabled("sys1", before, True)
    await until(lambda: sys1.run(f"systemctl is-active {name}", check=False).strip(), active)
    after = await unit(host, name)
    assert after == before.model_copy(update={"changed_at": after.changed_at})
    if process is not None:
        await until(lambda: process in sys1.run("ps -eo args"), True)


@pytest.mark.parametrize("after", [1, 2])
async def test_masking_that_was_cut_off_is_seen_and_finished(
    host: Any, sys1: TestHost, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what is disabled, and after its file was moved aside: a unit of which nothing is there any more is not a masked one."""
    task, params = DisableUnit(), DisableUnitParams(host="sys1", unit="evil.service")
    before = await unit(host, "evil.service")
    write, count = Connection.write, 0

    async def cut(*given: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count > after:
            raise Unreachable("the way is gone")
        return await write(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "write", cut)
        with pytest.raises(Unreachable):
            await host.set_unit_enabled("sys1", before, False)
    left = await unit(host, "evil.service")
    assert left.enabled == {1: "disabled", 2: "aside"}[after]
    assert (left.sha256, left.command, left.path) == (before.sha256, before.command, before.path)
    (change,) = await task.check(Ctx(host), params)  # type: ignore[arg-type]  # as much of a context as it looks at
    await task.apply(Ctx(host), params, [change])  # type: ignore[arg-type]  # as above
    assert await task.check(Ctx(host), params) == []  # type: ignore[arg-type]  # as above
    assert sys1.run("systemctl is-enabled evil.service", check=False).strip() == "masked"
    taken = Change(path=change.path, before=before.model_dump(mode="json"), after="masked")
    await task.undo(Ctx(host), params, [taken])  # type: ignore[arg-type]  # as above
    await until(lambda: sys1.run("systemctl is-active evil.service", check=False).strip(), "active")
    assert (await unit(host, "evil.service")).enabled == "enabled"


async def test_a_service_that_starts_itself_again_stays_away(host: Any, sys1: TestHost) -> None:
    """Killing it is answered by ``Restart=always``; masking it is not."""
    before = await unit(host, "evil.service")
    pid = sys1.run("systemctl show -P MainPID evil.service").strip()
    sys1.run(f"kill -9 {pid}")
    await until(lambda: sys1.run("systemctl show -P MainPID evil.service").strip() not in (pid, "0"), True)
    await host.set_unit_enabled("sys1", before, False)
    sys1.run("systemctl daemon-reload")
    await asyncio.sleep(0.2)
    assert "sleep 86000" not in sys1.run("ps -eo args")
    await host.set_unit_enabled("sys1", before, True)


async def test_the_tasks_check_sees_what_still_runs(host: Any, sys1: TestHost) -> None:
    """Masked by hand while it runs is not yet done."""
    task, params = DisableUnit(), DisableUnitParams(host="sys1", unit="packed.service")
    before = await unit(host, "packed.service")
    sys1.run("systemctl mask packed.service")
    (change,) = await task.check(Ctx(host), params)  # type: ignore[arg-type]  # as much of a context as it looks at
    assert change.after == "masked"
    await task.apply(Ctx(host), params, [change])  # type: ignore[arg-type]  # as above
    assert await task.check(Ctx(host), params) == []  # type: ignore[arg-type]  # as above
    assert "sleep 86001" not in sys1.run("ps -eo args")
    await host.set_unit_enabled("sys1", before, True)


async def test_isolation_is_taken_back_by_systemds_timer(
    host: Any, net: HostNet, sys1: TestHost, monkeypatch: Any
) -> None:
    outside = net.hosts["other"]
    await host.isolate("sys1", [])
    assert not outside.connects(sys1.address)
    assert (await host.isolation("sys1")).confirmed
    await asyncio.sleep(2.5)  # the timer of the host is over
    assert (await host.isolation("sys1")).confirmed, "a confirmed one stays"
    await host.release("sys1")

    async def lost(_: Connection) -> None:
        raise Unreachable("the way is gone")

    monkeypatch.setattr(Connection, "fresh", lost)
    with pytest.raises(Unreachable):
        await host.isolate("sys1", [])
    assert "tenantry-rollback" in sys1.run("systemctl list-units --all --plain --no-legend 'tenantry-rollback*'")
    await until(lambda: sys1.run("nft list tables"), "")
    assert outside.connects(sys1.address)
    await until(lambda: sys1.run("systemctl list-units --all --plain --no-legend 'tenantry-rollback*'"), "")


async def test_a_survey_sees_units_of_the_moment(host: Any, sys1: TestHost, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = ("privileged", "capabilities", "altered")
    monkeypatch.setattr(survey, "FIRST", tuple(one for one in survey.FIRST if one.name not in slow))
    sys1.run("systemd-run --unit=passing /bin/sleep 86002")
    found = await host.survey("sys1")
    files = {file.path: file for file in found.files}
    assert (found.manager, found.unread) == ("systemd", {})
    assert "sleep 86002" in (files["/run/systemd/transient/passing.service"].content or "")
    assert found.owner("/etc/systemd/system/evil.service") is None
    sys1.run("systemctl stop passing")


async def test_sign_ins_are_read_from_the_journal(host: Any, net: HostNet) -> None:
    since = datetime.now(UTC) - timedelta(minutes=10)
    found = [login async for login in host.logins("sys1", since)]
    assert {(login.account, login.success, login.key) for login in found} == {("responder", True, net.key.fingerprint)}
    assert [login async for login in host.logins("sys1", datetime.now(UTC) + timedelta(hours=1))] == []
