"""A rotation killed by SIGKILL, at journal boundaries and around writes: never locked out, and one live copy at the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from tests.support.faults import Kill, Ordeal, Zygote
from tests.support.lab_stand import SECRET, LabAccess

SIGKILLED = -9
WHERE = ["append_before", "append_after", "write_before", "write_during", "write_after"]
NASTY = {
    "error_rate": 0.05,
    "throttle_rate": 0.05,
    "timeout_after_effect_rate": 0.1,
    "partial_page_rate": 0.05,
    "propagation_ms": 60,
    "retry_after_s": 0,
}
DONE = {"make": "changed", "prove": "observed", "use": "changed", "remove_old": "changed", "forget": "changed"}


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with Zygote() as zygote:
        ordeal = Ordeal(
            zygote,
            tmp_path_factory.mktemp("ordeal"),
            scenario="quiet",
            users=20,
            runbook="credential_rotation",
            params=lambda _: {"provider": "m365"},
            application="here",
        )
        yield ordeal
        ordeal.close()


def signs_in(ordeal: Ordeal, version: int | None = None) -> bool:
    """By the provider, afresh, with what the vault has."""
    stand = ordeal.lab_stand

    async def ask() -> bool:
        access = await LabAccess.open(stand.server.base_url, stand.lab, vault=stand.stand.vault)
        try:
            credentials = await access.capability("credentials")
            (service,) = (await credentials._services("m365")).values()
            return bool(await service.works(stand.stand.vault.get("acme", SECRET, version)))
        finally:
            await access.aclose()

    return asyncio.run(ask())


def survives(ordeal: Ordeal, *kills: Kill, faults: dict[str, object] | None = None) -> list[int]:
    """Each run begins with what the last one left, as in life."""
    stand = ordeal.lab_stand
    before = stand.stand.vault.versions("acme", SECRET)[0].version
    end, codes = ordeal.run(*kills, faults=faults)
    stand.lab.reset()  # the faults with it; what signs in stays
    assert end.status == "completed", (kills, stand.stand.view(f"run-{ordeal._count:05d}"))
    assert end.outcomes == DONE, kills
    assert end.verified
    assert stand.lab.own_registration is not None
    assert len(stand.lab.own_registration.props["passwordCredentials"]) == 1, kills
    assert stand.stand.vault.versions("acme", SECRET)[0].version == before + 1
    assert [one.name for one in stand.stand.vault.list("acme")] == [SECRET]
    assert signs_in(ordeal), kills
    assert not signs_in(ordeal, before), kills
    return codes


def test_uninterrupted(ordeal: Ordeal) -> None:
    assert set(survives(ordeal)) == {0}


@pytest.mark.parametrize(
    ("where", "nth"),
    [
        *[("append_before", 4), ("append_after", 6), ("append_after", 9), ("write_before", 1), ("write_during", 1)],
        *[("write_after", 1), ("write_before", 2), ("write_after", 2)],
    ],
)
def test_killed_once_somewhere(where: str, nth: int, ordeal: Ordeal) -> None:
    assert SIGKILLED in survives(ordeal, Kill(where, nth))


def test_killed_again_and_again_against_a_nasty_lab(ordeal: Ordeal) -> None:
    dice = random.Random(3)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 5)) for _ in range(4)]
    survives(ordeal, *kills, faults={**NASTY, "seed": 3})


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, ordeal: Ordeal) -> None:
    for nth in range(1, 10_000):
        if SIGKILLED not in survives(ordeal, Kill(where, nth)):
            assert nth > 2
            return
