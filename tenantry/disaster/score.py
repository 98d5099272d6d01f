"""What a rehearsal was worth, and who took part: pure, the report's data in.

The record of a rehearsal is training evidence for the people who took part: who declared, decided, did by hand or wrote what was learnt, each proven by their code
(NIST SP 800-34 Rev. 1, section 3.5; NIST SP 800-84). Nobody who only watched is in it: the record does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenantry.disaster.measure import Achieved

__all__ = ["participants", "score"]


def score(
    systems: Sequence[Achieved], *, gaps: Sequence[str], up_before: Sequence[str], planned: int, lab: bool
) -> dict[str, Any]:
    """Counts, and of a hundred: the share of the plan's systems that came back within their RTO and RPO, proven.

    Args:
        gaps: what was not rehearsed, and why.
        up_before: systems that answered as they should before anything was done.
        planned: systems of the whole plan.
        lab: on the stand-in, where no health check was asked: nothing was proven, and nothing is scored.
    """
    titles = {one.id: one.title for one in systems}
    proved = [one for one in systems if one.id not in up_before]
    kept = [one for one in proved if one.state == "recovered" and one.rto_kept and _loss_kept(one)]
    found = [
        *gaps,
        *(f"{titles[name]}: it answered already before it was recovered" for name in up_before if name in titles),
        *(
            f"{one.title}: how much would be lost was not measured"
            for one in systems
            if one.rpo_seconds is not None and one.lost_seconds is None
        ),
    ]
    if lab:
        found.insert(0, "on the stand-in: no health check was asked and no data was looked at")
    return {
        "planned": planned,
        "rehearsed": len(systems),
        "within": len(kept),
        "points": None if lab or not planned else round(100 * len(kept) / planned),
        "failures": sum(len(one.exceptions) for one in systems),
        "gaps": found,
    }


def _loss_kept(one: Achieved) -> bool:
    return one.rpo_seconds is None or one.rpo_kept is True


def participants(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Who answered something with their code, what, and from when to when; in the order of their first answer."""
    titles = {one["id"]: one.get("title") or one["id"] for one in run["steps"]}
    found: dict[str, dict[str, Any]] = {}
    decisions = [
        (one["at"], one["by"], approval["step"]) for approval in run["approvals"] for one in approval["decisions"]
    ]
    for at, by, step in sorted(decisions):
        row = found.setdefault(by, {"person": by, "first_at": at, "last_at": at, "did": []})
        row["last_at"] = at
        title = titles.get(step, step)
        if title not in row["did"]:
            row["did"].append(title)
    return list(found.values())
