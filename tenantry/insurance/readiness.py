"""How a client stands against what its insurer requires: each control of the policy against the policies of baselines that measure it.

What an insurer was told and was not so can cost the cover, so nothing is called met that was not seen: a control that nothing measures, or of
which a part is not known, is not known. An exception is between the client and us, and no insurer has agreed to it: such a control is not met.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

__all__ = ["STATUSES", "digest_of", "lines", "readiness"]

Json = Mapping[str, Any]
STATUSES: Final = {
    "not_met": ("not met", "bad"),
    "not_known": ("not known", "warn"),
    "met": ("met", "good"),
    "not_applicable": ("does not apply", "calm"),
}
"""How a required control stands → words, look; the worst first."""
_KEPT: Final = (
    *("name", "policy", "cover", "valid_from", "valid_until", "notice_period_hours", "contact"),
    "approved_vendors_only",
)
_OF_POLICY: Final = ("title", "status", "why", "about", "about_total", "remedy", "since")


def readiness(
    insurer: Json, baselines: Sequence[Json], *, at: str, run_id: str, mode: str, client: str
) -> dict[str, Any]:
    """The whole of it as JSON.

    Args:
        insurer: of the client's public facts.
        baselines: as `compliance.assess` keeps them: ``{id, version, title, policies}``.
        at: RFC 3339: as of when.

    Returns:
        who the insurer is, each control with ``status``, ``why`` and what measures it, ``ready`` (every control is met or does not apply, there
        is at least one, and the policy is in force) and ``told``, the result in sentences.
    """
    measured = {f"{of['id']}/{one['policy']}": one for of in baselines for one in of["policies"]}
    named = insurer.get("measured_by") or {}
    controls = [_control(control, named.get(control) or (), measured) for control in insurer["required_controls"]]
    counts = {status: sum(one["status"] == status for one in controls) for status in STATUSES}
    force = _force(insurer, date.fromisoformat(at[:10]))
    ready = bool(controls) and counts["not_met"] + counts["not_known"] == 0 and not force
    return {
        **{"run_id": run_id, "mode": mode, "client": client, "at": at, "ready": ready, "counts": counts},
        "insurer": {key: insurer.get(key) for key in _KEPT},
        "baselines": [{key: of[key] for key in ("id", "version", "title")} for of in baselines],
        "controls": controls,
        "told": _told(insurer, counts, force),
    }


def digest_of(document: Json) -> str:
    """SHA-256 of the document: what is signed is this and nothing else."""
    return hashlib.sha256(
        json.dumps(document, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
    ).hexdigest()


def lines(document: Json) -> list[str]:
    """What somebody reads before they sign."""
    shown = [f"{one['control']}: {STATUSES[one['status']][0].upper()}. {one['why']}" for one in document["controls"]]
    return [*document["told"], *shown]


def _control(control: str, names: Sequence[str], measured: Mapping[str, Json]) -> dict[str, Any]:
    measures: list[dict[str, Any]] = []
    for name in names:
        found = measured.get(name)
        told = (
            {key: found.get(key) for key in _OF_POLICY}
            if found is not None
            else {**dict.fromkeys(_OF_POLICY), "status": "unknown", "why": "it was not measured", "about": []}
        )
        measures.append({"policy": name, **told})
    status = _status([str(one["status"]) for one in measures])
    return {"control": control, "status": status, "why": _why(status, measures), "measures": measures}


def _status(statuses: Sequence[str]) -> str:
    """The worst of them, as an insurer reads it."""
    if any(one in ("fail", "excepted") for one in statuses):
        return "not_met"
    if not statuses or any(one in ("unknown", "for_person") for one in statuses):
        return "not_known"
    return "met" if "pass" in statuses else "not_applicable"


def _why(status: str, measures: Sequence[Json]) -> str:
    if not measures:
        return "Nothing of ours measures it: a person has to say how it is."
    counts = {"not_met": ("fail", "excepted"), "not_known": ("unknown", "for_person"), "met": ("pass",)}
    mine = [one for one in measures if one["status"] in counts.get(status, ("not_applicable",))]
    told = "; ".join(f"{one['title'] or one['policy']}: {one['why']}" for one in mine[:3])
    if any(one["status"] == "excepted" for one in mine):
        told += ". The client and we have agreed to an exception; the insurer has not"
    return told + (f"; and {len(mine) - 3} more" if len(mine) > 3 else "")


def _force(insurer: Json, today: date) -> str:
    """Why the policy is not in force; empty: nothing says that it is not."""
    begins, ends = (insurer.get(key) and date.fromisoformat(insurer[key]) for key in ("valid_from", "valid_until"))
    if begins and today < begins:
        return f"The policy begins on {begins.isoformat()}."
    if ends and today > ends:
        return f"The policy ended on {ends.isoformat()}."
    return ""


def _told(insurer: Json, counts: Mapping[str, int], force: str) -> list[str]:
    total = sum(counts.values())
    told = [force] if force else []
    if not total:
        return [*told, f"The client's file names no control that {insurer['name']} requires, so nothing can be said."]
    said = [f"{counts[status]} {words}" for status, (words, _) in STATUSES.items() if counts[status]]
    told.append(
        f"{total} {'control' if total == 1 else 'controls'} that {insurer['name']} requires: {', '.join(said)}."
    )
    if counts["not_known"]:
        told.append("What is not known must not be given to the insurer as met.")
    if insurer.get("notice_period_hours") is not None:
        told.append(f"An incident has to be told to the insurer within {insurer['notice_period_hours']} hours; each incident has a clock for it.")  # fmt: skip
    else:
        told.append("Within how many hours the insurer has to be told of an incident is not on file.")
    if insurer.get("valid_until") is None:
        told.append("Until when the policy is valid is not on file.")
    return told
