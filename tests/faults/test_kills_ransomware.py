"""Promise 1 for the runbook of ransomware: killed anywhere, it resumes to the same end, and no write is made twice."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.faults.test_kills import NASTY, SIGKILLED, every
from tests.runbooks.test_ransomware import params
from tests.support.faults import End, Kill, Ordeal, Zygote

WHERE = ["append_before", "append_after", "write_before", "write_during", "write_after"]


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with Zygote() as zygote:
        folder = tmp_path_factory.mktemp("ordeal")
        ordeal = Ordeal(zygote, folder, scenario="ransomware", users=20, runbook="ransomware", params=params)
        yield ordeal
        ordeal.close()


@pytest.fixture(scope="module")
def uninterrupted(ordeal: Ordeal) -> End:
    end, codes = ordeal.run()
    assert set(codes) == {0}
    assert end.status == "completed_with_exceptions", "one of the hosts cannot be reached"
    assert set(end.writes.values()) == {1}
    assert {service for service, *_ in end.writes} == {"hosts", "graph", "cloud", "sink"}
    assert end.innocent_touched == 0
    assert end.verified
    return end


@pytest.mark.parametrize(("where", "attempt"), [("append_after", 0), ("write_after", 3)])
def test_killed_once_somewhere(where: str, attempt: int, ordeal: Ordeal, uninterrupted: End) -> None:
    """While it contains; and after people have answered, while files and hosts are put back."""
    nth = random.Random(where).randint(5, 40) if attempt == 0 else 1
    end, codes = ordeal.run(*[Kill()] * attempt, Kill(where, nth))
    assert end == uninterrupted
    assert SIGKILLED in codes


@pytest.mark.torture
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    assert every(where, ordeal, uninterrupted) >= 40


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_after_each_answer(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    for attempt in range(1, 6):
        for nth in range(1, 200):
            end, codes = ordeal.run(*[Kill()] * attempt, Kill(where, nth))
            assert end == uninterrupted, f"{where} {attempt} {nth}"
            if SIGKILLED not in codes:
                break


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
def test_nasty_lab_with_ten_seeds(seed: int, ordeal: Ordeal, uninterrupted: End) -> None:
    dice = random.Random(seed)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 20)) for _ in range(2)]
    end, _ = ordeal.run(*kills, faults={**NASTY, "seed": seed})
    assert end == uninterrupted
