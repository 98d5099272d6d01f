"""Promise 1: killed at any instant, a run resumes to the same end; nothing that the check could see is done twice.

A sample in `make test`; every boundary and every moment in `make torture`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import End, Kill, Ordeal, Zygote

SIGKILLED = -9
NASTY = {
    "error_rate": 0.05,
    "throttle_rate": 0.05,
    "timeout_after_effect_rate": 0.1,
    "partial_page_rate": 0.05,
    "propagation_ms": 60,
    "retry_after_s": 0,
}


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with Zygote() as zygote:
        ordeal = Ordeal(zygote, tmp_path_factory.mktemp("ordeal"))
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


def every(where: str, ordeal: Ordeal, uninterrupted: End, step: int = 1, first: int = 1) -> int:
    """Kill at the first, second, … such moment until there is none left. Returns how many there were."""
    for killed, nth in enumerate(range(first, 10_000, step)):
        end, codes = ordeal.run(Kill(where, nth))
        assert end == uninterrupted, f"{where} {nth}"
        if SIGKILLED not in codes:
            return killed
    raise AssertionError("never came to an end")


@pytest.mark.parametrize("where", ["append_before", "append_after", "write_before", "write_during", "write_after"])
def test_killed_once_somewhere(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    dice = random.Random(where)
    for nth in sorted(dice.sample(range(1, 14), 2)):
        end, codes = ordeal.run(Kill(where, nth))
        assert end == uninterrupted, f"{where} {nth}"
        assert SIGKILLED in codes


def test_killed_again_and_again(ordeal: Ordeal, uninterrupted: End) -> None:
    dice = random.Random(7)
    kills = [
        Kill(
            dice.choice(["append_before", "append_after", "write_before", "write_during", "write_after"]),
            dice.randint(1, 5),
        )
        for _ in range(8)
    ]
    end, codes = ordeal.run(*kills)
    assert codes.count(SIGKILLED) >= 6
    assert end == uninterrupted


def test_the_same_against_a_nasty_lab(ordeal: Ordeal, uninterrupted: End) -> None:
    nasty(1, ordeal, uninterrupted)


def nasty(seed: int, ordeal: Ordeal, uninterrupted: End) -> None:
    dice = random.Random(seed)
    kills = [Kill(dice.choice(["append_after", "write_during", "write_after"]), dice.randint(1, 8)) for _ in range(2)]
    end, _ = ordeal.run(*kills, faults={**NASTY, "seed": seed})
    assert end == uninterrupted, f"seed {seed}"


def test_two_processes_resume_at_once_and_one_wins(ordeal: Ordeal, uninterrupted: End) -> None:
    end, codes = ordeal.run(Kill("write_after", 3), Kill(), at_once=2)
    assert end == uninterrupted
    assert set(codes) <= {0, SIGKILLED}


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", ["append_before", "append_after", "write_before", "write_during", "write_after"])
def test_killed_everywhere(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    assert every(where, ordeal, uninterrupted) >= 13


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(20))
def test_nasty_lab_with_twenty_seeds(seed: int, ordeal: Ordeal, uninterrupted: End) -> None:
    nasty(seed + 100, ordeal, uninterrupted)


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_random_kills(ordeal: Ordeal, uninterrupted: End, tmp_path: Path) -> None:
    for seed in range(30):
        dice = random.Random(seed)
        kills = [
            Kill(
                dice.choice(["append_before", "append_after", "write_before", "write_during", "write_after"]),
                dice.randint(1, 6),
                dice.uniform(0, 0.01),
            )
            for _ in range(dice.randint(1, 10))
        ]
        end, _ = ordeal.run(*kills)
        assert end == uninterrupted, f"seed {seed}"
