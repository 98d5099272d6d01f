from __future__ import annotations

from tasks.disaster.assess import Assess
from tenantry.capabilities.probing import ProbeAnswer
from tests.support.fakes import FakeTenant


class Probes:
    """Answers by host."""

    def __init__(self, **answers: ProbeAnswer) -> None:
        self.answers = answers

    async def ask(self, probe) -> ProbeAnswer:
        return self.answers[probe.host]


def context(task, probes, **more):
    return FakeTenant(more={"probing": probes}).context(task, **more)


def system(name: str, *hosts: str, tier: int = 1):
    return {
        "id": name,
        "title": name.upper(),
        "tier": tier,
        "probes": [{"kind": "tcp", "host": host, "port": 1} for host in hosts],
    }


UP, DOWN, MUTE = ProbeAnswer(), ProbeAnswer(error="no connection"), ProbeAnswer(asked=False, error="no provider has it")


async def assessed(systems, probes, **more):
    task = Assess()
    return await task.read(context(task, probes), task.Params.model_validate({"systems": systems, **more}))


async def test_down_up_and_unknown_are_three_things():
    found = await assessed(
        [system("a", "up"), system("b", "up", "down"), system("c", "mute"), system("d", "mute", "down")],
        Probes(up=UP, down=DOWN, mute=MUTE),
    )
    assert (found.up, found.down, found.unknown) == (["a"], ["b", "d"], ["c"])
    assert "DOWN B (tier 1): tcp down:1: no connection" in found.lines
    assert any(line.startswith("UNKNOWN C") for line in found.lines)


async def test_what_is_wrong_with_the_plan_is_told_to_whoever_declares():
    found = await assessed([], Probes(), findings=["the last drill was 400 days ago"])
    assert found.lines[1] == "THE PLAN: the last drill was 400 days ago"
    many = await assessed(
        [system(f"s{n}", "down") for n in range(60)], Probes(down=DOWN), findings=[f"f{n}" for n in range(20)]
    )
    assert many.lines[0].startswith("60 down, 0 unknown, 0 up")
    assert many.lines[9] == "THE PLAN has 12 findings more: `tenantry dr check`"


async def test_the_outage_began_with_the_run_unless_somebody_knows_better():
    assert (await assessed([], Probes())).outage_began.isoformat() == "2026-11-20T12:00:00+00:00"
    found = await assessed([], Probes(), outage_began="2026-11-20T08:00:00Z")
    assert found.outage_began.hour == 8
