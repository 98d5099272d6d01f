"""Promise 1 for hosts: killed at any instant, the run of a compromised host resumes to the same end."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.faults.test_kills import NASTY, SIGKILLED, every
from tests.runbooks.test_compromised_host import params, ransomed
from tests.support.faults import End, Kill, Ordeal, Zygote

WHERE = ["append_before", "append_after", "write_before", "write_during", "write_after"]


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with Zygote() as zygote:
        folder = tmp_path_factory.mktemp("ordeal")
        ordeal = Ordeal(
            zygote, folder, scenario="compromised_host", users=20, runbook="compromised_host", params=lambda _: params()
        )
        yield ordeal
        ordeal.close()


@pytest.fixture(scope="module")
def uninterrupted(ordeal: Ordeal) -> End:
    end, codes = ordeal.run()
    assert set(codes) == {0}
    assert end.status == "completed"
    assert set(end.writes.values()) == {1}
    assert end.innocent_touched == 0
    assert end.verified
    return end


@pytest.mark.parametrize("where", WHERE)
def test_killed_once_somewhere(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    nth = random.Random(where).randint(3, 11)
    end, codes = ordeal.run(Kill(where, nth))
    assert end == uninterrupted, f"{where} {nth}"
    assert SIGKILLED in codes


@pytest.mark.torture  # `make test` has that of the ransomware run, which does the same things and more
def test_killed_again_and_again_against_a_nasty_lab(ordeal: Ordeal, uninterrupted: End) -> None:
    dice = random.Random(5)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 6)) for _ in range(4)]
    end, codes = ordeal.run(*kills, faults={**NASTY, "seed": 3})
    assert end == uninterrupted
    assert SIGKILLED in codes


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    assert every(where, ordeal, uninterrupted) >= 11


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    """A host whose files were encrypted, and whose backup has them."""
    with Zygote() as zygote:
        folder = tmp_path_factory.mktemp("backed")
        ordeal = Ordeal(
            zygote,
            folder,
            scenario="ransomware",
            users=20,
            runbook="compromised_host",
            params=lambda _: ransomed("web1"),
        )
        yield ordeal
        ordeal.close()


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_while_its_files_come_back(where: str, backed: Ordeal) -> None:
    """After people have answered; what comes before is killed above."""
    whole, _ = backed.run()
    assert whole.status == "completed"
    assert whole.outcomes["restore_files"] == "changed"
    assert set(whole.writes.values()) == {1}
    assert whole.innocent_touched == 0
    for attempt in (1, 2):
        for nth in range(1, 200):
            end, codes = backed.run(*[Kill()] * attempt, Kill(where, nth))
            assert end == whole, f"{where} {attempt} {nth}"
            if SIGKILLED not in codes:
                break
