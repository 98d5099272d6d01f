"""A time axis on which both the attacker's days and the platform's seconds can be read.

Time is cut where nothing happens for long; each piece gets a straight scale of its own and a width by how much happens in
it, and each cut is drawn with its length written beside it. Inside a piece distances are true.
"""

from __future__ import annotations

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
_LEAST: Final = 0.11
"""Least share of the width that a piece gets."""
_PAD: Final = 12.0

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
        pieces = _pieces(ordered)
        free = right - left - _GAP_WIDTH * (len(pieces) - 1)
        self.segments: list[Segment] = []
        self.gaps: list[Gap] = []
        at = left
        for piece, share in zip(pieces, _shares(pieces), strict=True):
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


def _pieces(times: list[datetime]) -> list[list[datetime]]:
    """Cut the times again and again where a cut helps most, until none helps much."""
    pieces = [times]
    while len(pieces) < MAX_SEGMENTS:
        best = max(
            ((score, number, at) for number, piece in enumerate(pieces) for score, at in _cuts(piece)),
            default=None,
        )
        if best is None:
            break
        _, number, at = best
        piece = pieces[number]
        pieces[number : number + 1] = [piece[:at], piece[at:]]
    return pieces


def _cuts(piece: list[datetime]) -> list[tuple[float, int]]:
    """Cuts worth making, with what they are worth: how much longer the silence is than the shorter side lasts, if that
    side is so crowded that it cannot be read uncut."""
    whole = (piece[-1] - piece[0]).total_seconds()
    found = []
    for at in range(1, len(piece)):
        gap = (piece[at] - piece[at - 1]).total_seconds()
        if gap < SHORTEST_GAP or gap < whole * 0.02:
            continue
        left = (piece[at - 1] - piece[0]).total_seconds()
        right = (piece[-1] - piece[at]).total_seconds()
        for side, count in ((left, at), (right, len(piece) - at)):
            if gap > 3 * side and (count >= 3 or gap > 0.6 * whole) and side < 0.12 * whole:
                found.append((gap / (side + 1.0) * math.log1p(count), at))
    return found


def _shares(pieces: list[list[datetime]]) -> list[float]:
    """Shares of the width that add up to one: by the number of events, dampened, and never too little."""
    weights = [math.log2(2 + len(set(piece))) for piece in pieces]
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
