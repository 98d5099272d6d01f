"""Whom to look at first: a score for each entity that says what it is made of.

The sum of the weights of its findings: each technique once at the weight of its worst finding, every further finding of
the same technique a tenth. What an assumed role did counts for who assumed it too, so that an attacker who hops through
roles still stands on top.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from tenantry.sweep.model import Finding, rank

__all__ = ["WEIGHTS", "ranked"]

WEIGHTS: Final = {"info": 0, "low": 1, "medium": 5, "high": 15, "critical": 40}
_MOST: Final = 1000


def ranked(findings: Sequence[Finding], behind: Callable[[Finding], Sequence[str]]) -> list[dict[str, Any]]:
    """Entities, the worst first.

    Args:
        behind: who else stands behind a finding.
    """
    held: dict[tuple[str, str], list[tuple[Finding, str | None]]] = defaultdict(list)
    for finding in findings:
        own = (finding.entity["type"], finding.entity["id"])
        held[own].append((finding, None))
        for other in behind(finding):
            held[(own[0], other)].append((finding, own[1]))
    rows = [_scored(kind, name, of) for (kind, name), of in held.items()]
    rows.sort(key=lambda row: (-row["score"], -row["findings"], row["id"]))
    return rows[:_MOST]


def _scored(kind: str, name: str, of: list[tuple[Finding, str | None]]) -> dict[str, Any]:
    met: dict[str, int] = {}
    score, because = 0.0, []
    for finding, through in sorted(of, key=lambda one: -rank(one[0].severity)):
        technique = finding.attack[0] if finding.attack else finding.rule
        weight = float(WEIGHTS[finding.severity])
        if technique in met:
            weight /= 10
        met[technique] = 1
        score += weight
        because.append(
            {
                "rule": finding.rule,
                "severity": finding.severity,
                "points": round(weight, 1),
                **({"through": through} if through else {}),
            }
        )
    return {"id": name, "type": kind, "score": round(score, 1), "findings": len(of), "because": because}
