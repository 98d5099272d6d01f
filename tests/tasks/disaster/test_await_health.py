from __future__ import annotations

import pytest

from tasks.disaster.await_health import AwaitHealth
from tenantry.capabilities.probing import ProbeAnswer
from tenantry.errors import CannotCheck, NotVerified
from tests.tasks.disaster.test_assess import DOWN, MUTE, UP, context

HTTP = {"kind": "http", "url": "http://a.example/", "contains": "welcome"}
TCP = {"kind": "tcp", "host": "h", "port": 1}


class Series:
    """One answer after another; the last one stays."""

    def __init__(self, *answers: ProbeAnswer) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def ask(self, probe) -> ProbeAnswer:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(AwaitHealth, "pauses", (0.0, 0.0, 0.01))


async def healthy(series, *, patience=5, probes=(TCP,), **more):
    task = AwaitHealth()
    p = task.Params.model_validate({"probes": list(probes), "patience_seconds": patience})
    return await task.read(context(task, series, **more), p)


async def test_a_late_system_is_waited_for():
    series = Series(DOWN, MUTE, UP)
    found = await healthy(series)
    assert found.looks == 3
    assert all(check.holds for check in found.checks)


async def test_a_page_that_lies_is_not_believed():
    with pytest.raises(NotVerified, match="status 200, and not the page that was expected"):
        await healthy(Series(ProbeAnswer(status=200, text="We are sorry")), patience=0, probes=[HTTP])


async def test_all_checks_must_hold_at_the_same_look():
    class One:
        async def ask(self, probe) -> ProbeAnswer:
            return UP if probe.port == 1 else DOWN

    with pytest.raises(NotVerified, match="tcp h:2"):
        await healthy(One(), patience=0, probes=[TCP, {**TCP, "port": 2}])


async def test_what_cannot_be_asked_is_unknown_and_not_down():
    with pytest.raises(CannotCheck, match="no provider has it"):
        await healthy(Series(MUTE), patience=0)
