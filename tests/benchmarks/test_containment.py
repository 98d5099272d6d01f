"""How the critical path is counted."""

from __future__ import annotations

from benchmarks.steps.containment import chain_of


def test_calls_one_after_the_other_are_all_on_the_chain() -> None:
    assert chain_of([(0, 1), (1, 2), (2.5, 3)]) == 3


def test_calls_at_once_count_once() -> None:
    assert chain_of([(0, 1), (0.1, 1.2), (0.2, 0.9), (2, 3)]) == 2


def test_the_longest_chain_counts() -> None:
    # one long call beside three short ones in a row
    assert chain_of([(0, 10), (0, 1), (2, 3), (4, 5)]) == 3
    assert chain_of([]) == 0
