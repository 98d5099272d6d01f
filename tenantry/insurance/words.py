"""Words that page and PDF of the readiness report share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["OF_POLICY", "about", "facts", "signature"]

OF_POLICY: Final = {
    "fail": ("not met", "bad"),
    "excepted": ("excepted by us", "bad"),
    "unknown": ("not known", "warn"),
    "for_person": ("to be asked", "warn"),
    "pass": ("met", "good"),
    "not_applicable": ("does not apply", "calm"),
}
"""How what measures a control stands → words, look."""
_NAMES: Final = 5


def about(control: Mapping[str, Any]) -> str:
    """Whom it concerns, the first few."""
    named = [
        name for one in control["measures"] if one["status"] in ("fail", "excepted") for name in one["about"] or ()
    ]
    if not named:
        return ""
    return f" ({', '.join(named[:_NAMES])}{f' and {len(named) - _NAMES} more' if len(named) > _NAMES else ''})"


def facts(document: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Name, value, and whether the value is an id."""
    insurer = document["insurer"]
    hours = insurer["notice_period_hours"]
    return [
        ("Client", document["client"], False),
        ("Insurer", insurer["name"], False),
        ("Policy", insurer["policy"] or "number not on file", False),
        ("Cover", insurer["cover"] or "not on file", False),
        ("Valid", f"{insurer['valid_from'] or 'begin not on file'} to {insurer['valid_until'] or 'end not on file'}", False),
        ("Notice of an incident", f"within {hours} hours" if hours is not None else "not on file", False),
        ("As of", document["at"][:10], False),
        ("Signed by", document["signed"]["by"], False),
        ("Run", document["run_id"], True),
    ]  # fmt: skip


def signature(document: Mapping[str, Any]) -> list[str]:
    """Who signed what, in sentences."""
    signed = document["signed"]
    said = [
        f"{signed['by']} signed on {signed['at'][:16].replace('T', ' ')} UTC that what stands here is what was measured in this run, with a code of "
        "their own. The signature is an entry of the client's record."
    ]
    return [*said, *([f"Their remark: {signed['remark']}"] if signed["remark"] else [])]
