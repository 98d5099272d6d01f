"""Token buckets."""

from __future__ import annotations

from tenantry.broker.limit import Buckets, Rate


def test_a_burst_then_a_rate() -> None:
    now = [0.0]
    buckets = Buckets(Rate(burst=3, per_second=2.0), lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0.0] * 3
    assert buckets.take("a") == 0.5
    assert buckets.take("b") == 0.0
    now[0] = 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == 0.5
    now[0] = 100.0
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_it_does_not_grow_for_ever() -> None:
    now = [0.0]
    buckets = Buckets(Rate(burst=1, per_second=1.0), lambda: now[0])
    for number in range(20_000):
        now[0] += 0.01
        buckets.take(str(number))
    assert len(buckets._level) < 5_000
