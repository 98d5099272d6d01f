"""Promise 1 for the runbook of the leaked key: killed anywhere, it resumes to the same end, and no write is made twice."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.support.faults import End, Kill, Ordeal, Zygote

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


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with Zygote() as zygote:
        ordeal = Ordeal(zygote, tmp_path_factory.mktemp("ordeal"), scenario="leaked_key", users=20)
        yield ordeal
        ordeal.close()


@pytest.fixture(scope="module")
def uninterrupted(ordeal: Ordeal) -> End:
    end, codes = ordeal.run()
    assert set(codes) == {0}
    assert end.status == "completed"
    assert set(end.writes.values()) == {1}
    assert sum(service == "cloud" for service, *_ in end.writes) >= 15
    assert end.innocent_touched == 0
    assert end.verified
    return end


@pytest.mark.parametrize("where", ["append_after", "write_during", "write_after"])
def test_killed_once_somewhere(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    end, codes = ordeal.run(Kill(where, random.Random(where).randint(2, 12)))
    assert end == uninterrupted
    assert SIGKILLED in codes


@pytest.mark.torture  # `make test` has that of the ransomware run, which does the same things and more
def test_killed_again_and_again_against_a_nasty_lab(ordeal: Ordeal, uninterrupted: End) -> None:
    dice = random.Random(3)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 6)) for _ in range(4)]
    end, _ = ordeal.run(*kills, faults={**NASTY, "seed": 3})
    assert end == uninterrupted


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, ordeal: Ordeal, uninterrupted: End) -> None:
    for nth in range(1, 10_000):
        end, codes = ordeal.run(Kill(where, nth))
        assert end == uninterrupted, f"{where} {nth}"
        if SIGKILLED not in codes:
            assert nth > 13
            return


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
def test_nasty_lab_with_ten_seeds(seed: int, ordeal: Ordeal, uninterrupted: End) -> None:
    dice = random.Random(seed)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 10)) for _ in range(2)]
    end, _ = ordeal.run(*kills, faults={**NASTY, "seed": seed})
    assert end == uninterrupted
