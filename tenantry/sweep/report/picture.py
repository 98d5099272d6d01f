"""The picture over time: how many events there were, and when each entity's findings happened, as one SVG."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Final

from tenantry.sweep.model import Finding, Sweep, instant, rank

__all__ = ["picture"]

_WIDE: Final = 1080
_LEFT: Final = 300
_RIGHT: Final = 24
_HIGH: Final = 70
_ROW: Final = 26
_LANES: Final = 14
_BARS: Final = 160


def picture(sweep: Sweep) -> str:
    """The SVG; empty when nothing was read."""
    if sweep.window is not None:
        start, end = sweep.window
    elif sweep.first_event is not None and sweep.last_event is not None:
        start, end = sweep.first_event, max(sweep.last_event, sweep.first_event + 60)
    else:
        return ""
    lanes = _lanes(sweep)
    height = _HIGH + 40 + _ROW * max(len(lanes), 1) + 20

    def x(at: float) -> float:
        # What came to be before the window stands at its edge.
        return _LEFT + (min(max(at, start), end) - start) / (end - start) * (_WIDE - _LEFT - _RIGHT)

    parts = [
        f'<svg viewBox="0 0 {_WIDE} {height}" role="img" aria-label="Events and findings over time" xmlns="http://www.w3.org/2000/svg">'
    ]
    parts += _bars(sweep, start, end)
    for number in range(7):
        at = start + (end - start) * number / 6
        parts.append(f'<line class="grid" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="10" y2="{height - 18}"/>')
        anchor = "start" if number == 0 else "end" if number == 6 else "middle"
        parts.append(
            f'<text class="tick" text-anchor="{anchor}" x="{x(at):.1f}" y="{_HIGH + 30}">{_when(at, end - start)}</text>'
        )
    for number, (name, findings) in enumerate(lanes):
        y = _HIGH + 52 + number * _ROW
        parts.append(
            f'<text class="lane" x="{_LEFT - 10}" y="{y + 4}" text-anchor="end"><title>{escape(name)}</title>{escape(_short(name))}</text>'
        )
        parts.append(f'<line class="rail" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y}" y2="{y}"/>')
        for one in sorted(findings, key=lambda finding: rank(finding.severity)):
            left, right = x(one.first_seen), x(one.last_seen)
            told = escape(f"{one.severity}: {one.title} ({one.count} events, {instant(one.first_seen)[:19]}Z)")
            parts.append(f'<g class="{one.severity}"><title>{told}</title>')
            if right - left > 2:
                parts.append(
                    f'<rect x="{left:.1f}" y="{y - 1.5}" width="{right - left:.1f}" height="3" opacity="0.45"/>'
                )
            parts += [f'<circle cx="{x(at):.1f}" cy="{y}" r="5"/>' for at in _moments(one)]
            parts.append("</g>")
    parts.append("</svg>")
    return "\n".join(parts)


def _moments(finding: Finding) -> list[float]:
    """When its events were, as far as the evidence names them."""
    named = [one["time"] for one in finding.evidence.get("events", ()) if isinstance(one.get("time"), (int, float))]
    return sorted({finding.first_seen, finding.last_seen, *named})


def _bars(sweep: Sweep, start: float, end: float) -> list[str]:
    counts = [0] * _BARS
    for at, count in sweep.density:
        counts[min(_BARS - 1, max(0, int((at - start) / (end - start) * _BARS)))] += count
    most = max(counts) or 1
    step = (_WIDE - _LEFT - _RIGHT) / _BARS
    found = [
        f'<text class="lane" x="{_LEFT - 10}" y="{_HIGH}" text-anchor="end">events (up to {most:,} in a bar)</text>'
    ]
    for number, count in enumerate(counts):
        if count:
            high = max(1.5, count / most * (_HIGH - 12))
            found.append(
                f'<rect class="bar" x="{_LEFT + number * step:.1f}" y="{_HIGH + 6 - high:.1f}" width="{max(step - 1, 1):.1f}" height="{high:.1f}"/>'
            )
    return found


def _lanes(sweep: Sweep) -> list[tuple[str, list[Finding]]]:
    found = []
    for entity in sweep.entities[:_LANES]:
        of = [one for one in sweep.findings if (one.entity["type"], one.entity["id"]) == (entity["type"], entity["id"])]
        if of:
            found.append((entity["id"], of))
    return found


def _short(name: str) -> str:
    """An ARN and a path are known by their ends, other names by their beginnings."""
    plain = name.rpartition(":")[2] if name.startswith("arn:") else name
    if len(plain) <= 40:
        return plain
    return f"…{plain[-39:]}" if name.startswith(("arn:", "/")) else f"{plain[:39]}…"


def _when(at: float, span: float) -> str:
    shape = "%H:%M" if span < 86_400 else "%d %b %H:%M" if span < 86_400 * 8 else "%d %b %Y"
    return datetime.fromtimestamp(at, UTC).strftime(shape)
