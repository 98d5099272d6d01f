"""A time axis on which both the attacker's days and the platform's seconds can be read.

Time is cut where nothing happens for long; each piece gets a straight scale of its own and a width by how much happens in
it, and each cut is drawn with its length written beside it. Inside a piece distances are true.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tenantry.timeline.words import short_day

__all__ = ["Axis", "Gap", "Segment", "Tick"]

MAX_SEGMENTS: Final = 6
SHORTEST_GAP: Final = 20.0
"""Seconds: a shorter silence is never cut out."""
_GAP_WIDTH: Final = 44.0
_LEAST: Final = 0.07
"""Least share of the width that a piece gets."""
_PAD: Final = 12.0
_SLOT: Final = 14.0
"""Width that an event needs to stand apart."""
_CUT_COST: Final = 1.6
"""How many more events must stand apart for a cut to be worth it."""
_CANDIDATES: Final = 22
"""The longest silences, which alone are considered."""

_STEPS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600),
    *(7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000),
)
"""Seconds between two ticks."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of time without a cut, between two places on the axis."""

    start: datetime
    end: datetime
    left: float
    right: float

    def x(self, at: datetime) -> float:
        whole = (self.end - self.start).total_seconds()
        inner = self.right - self.left - 2 * _PAD
        if whole <= 0:
            return (self.left + self.right) / 2
        return self.left + _PAD + inner * (at - self.start).total_seconds() / whole


@dataclass(frozen=True, slots=True)
class Gap:
    left: float
    right: float
    length: timedelta


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


class Axis:
    """Places times between ``left`` and ``right``.

    Args:
        times: everything that is to be placed; at least one.
    """

    def __init__(self, times: Sequence[datetime], left: float, right: float) -> None:
        ordered = sorted(times)
        pieces = _pieces(ordered, right - left)
        free = right - left - _GAP_WIDTH * (len(pieces) - 1)
        self.segments: list[Segment] = []
        self.gaps: list[Gap] = []
        at = left
        for piece, share in zip(pieces, _shares([len(piece) for piece in pieces]), strict=True):
            if self.segments:
                self.gaps.append(Gap(at, at + _GAP_WIDTH, piece[0] - self.segments[-1].end))
                at += _GAP_WIDTH
            self.segments.append(Segment(piece[0], piece[-1], at, at + free * share))
            at += free * share
        self._starts = [segment.start for segment in self.segments]

    def x(self, at: datetime) -> float:
        """Where a time stands; what lies in a cut stands inside it, what lies outside stands at the edge."""
        number = bisect_right(self._starts, at) - 1
        if number < 0:
            return self.segments[0].left
        segment = self.segments[number]
        if at <= segment.end:
            return segment.x(at)
        if number + 1 == len(self.segments):
            return segment.right
        gap = self.gaps[number]
        return gap.left + (gap.right - gap.left) * ((at - segment.end) / gap.length)

    def ticks(self, segment: Segment) -> list[Tick]:
        """Round times inside a piece, far enough from each other to be read."""
        seconds = (segment.end - segment.start).total_seconds()
        room = segment.right - segment.left
        if seconds <= 0:
            return [Tick(segment.x(segment.start), _clock(segment.start, 1))]
        step = next((s for s in _STEPS if s * room / seconds >= (74 if s >= 1 else 92)), _STEPS[-1])
        epoch = datetime(segment.start.year, 1, 1, tzinfo=UTC)
        first = math.ceil((segment.start - epoch).total_seconds() / step - 1e-9)
        found = []
        while True:
            at = epoch + timedelta(seconds=first * step)
            if at > segment.end:
                break
            found.append(Tick(segment.x(at), _clock(at, step)))
            first += 1
        return found or [Tick(segment.x(segment.start), _clock(segment.start, min(step, 1)))]


def _pieces(times: list[datetime], room: float) -> list[list[datetime]]:
    """Cut the times at silences so that as many of them as possible stand apart, with as few cuts as that takes.

    A dense second in a long day needs a cut on either side, so cuts are tried alone and in pairs.
    """
    seconds = [(at - times[0]).total_seconds() for at in times]
    silences = sorted(
        (seconds[at] - seconds[at - 1], at)
        for at in range(1, len(seconds))
        if seconds[at] - seconds[at - 1] >= SHORTEST_GAP
    )
    candidates = [at for _, at in silences[-_CANDIDATES:]]
    chosen: list[int] = []
    best = _apart(seconds, chosen, room)
    while len(chosen) < MAX_SEGMENTS - 1:
        left = [at for at in candidates if at not in chosen]
        more = [(at,) for at in left] + list(itertools.combinations(left, 2))
        tried = (
            (_apart(seconds, sorted([*chosen, *cuts]), room), -len(cuts), sorted([*chosen, *cuts]))
            for cuts in more
            if len(chosen) + len(cuts) < MAX_SEGMENTS
        )
        score, _, cuts = max(tried, default=(0.0, 0, []))
        if score <= best:
            break
        best, chosen = score, cuts
    edges = [0, *chosen, len(times)]
    return [times[start:end] for start, end in itertools.pairwise(edges)]


def _apart(seconds: list[float], cuts: list[int], room: float) -> float:
    """How many of the times can be told apart with these cuts, less what the cuts themselves cost the reader."""
    edges = [0, *cuts, len(seconds)]
    pieces = list(itertools.pairwise(edges))
    for (start, cut), (_, end) in itertools.pairwise(pieces):
        silence = seconds[cut] - seconds[cut - 1]
        if silence <= min(seconds[cut - 1] - seconds[start], seconds[end - 1] - seconds[cut]):
            return -math.inf  # what is left out must be longer than what is drawn on one side of it
    shares = _shares([end - start for start, end in pieces])
    free = room - _GAP_WIDTH * len(cuts)
    told = 0
    for (start, end), share in zip(pieces, shares, strict=True):
        whole = seconds[end - 1] - seconds[start]
        slot = whole * _SLOT / max(free * share - 2 * _PAD, 1.0)
        at = start
        while at < end:
            told += 1
            if slot <= 0:
                break
            at = bisect_right(seconds, seconds[at] + slot, lo=at, hi=end)
    return told - _CUT_COST * len(cuts)


def _shares(counts: Sequence[int]) -> list[float]:
    """Shares of the width that add up to one: by the number of events, dampened, and never too little."""
    weights = [math.log2(1 + count) for count in counts]
    shares = [max(weight / sum(weights), _LEAST) for weight in weights]
    return [share / sum(shares) for share in shares]


def _clock(at: datetime, step: float) -> str:
    if step >= 86_400:
        return short_day(at)
    if step >= 60:
        return f"{at:%H:%M}"
    if step >= 1:
        return f"{at:%H:%M:%S}"
    digits = 1 if step >= 0.1 else 2 if step >= 0.01 else 3
    return f"{at:%H:%M:%S}.{at.microsecond // 10 ** (6 - digits):0{digits}}"
