"""Sweeps that overlap leave the collector of garbage as they found it."""

from __future__ import annotations

import gc

from tenantry.sweep.garbage import few_collections


def test_the_last_one_puts_it_back() -> None:
    before = gc.get_threshold()
    one, other = few_collections(1_000_000), few_collections(20_000)
    one.__enter__()
    other.__enter__()
    assert gc.get_threshold()[0] > 100_000
    one.__exit__(None, None, None)
    assert gc.get_threshold()[0] > 100_000
    other.__exit__(None, None, None)
    assert gc.get_threshold() == before


def test_who_switched_it_off_keeps_it_off() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        with few_collections(1_000_000):
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)
