"""The report's words, for people who buy the service and don't run it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "CONTACT_ROLES",
    "INVENTORY",
    "LEVELS",
    "SEVERITIES",
    "STATUSES",
    "SYSTEMS",
    "TEAM_ROLES",
    "TREATMENTS",
    "counted",
    "day",
    "owner",
]

STATUSES: Final = {
    "fail": ("not met", "bad"),
    "unknown": ("not known", "warn"),
    "for_person": ("to be asked", "people"),
    "excepted": ("excepted", "calm"),
    "pass": ("met", "good"),
    "not_applicable": ("does not apply", "calm"),
}
"""How a measure stands → words, look."""
LEVELS: Final = {
    "very_high": ("very high", "bad"),
    "high": ("high", "bad"),
    "moderate": ("moderate", "warn"),
    "low": ("low", "people"),
    "very_low": ("very low", "calm"),
}
SEVERITIES: Final = {
    "critical": ("critical", "bad"),
    "high": ("serious", "bad"),
    "medium": ("worth a look", "warn"),
    "low": ("minor", "people"),
    "info": ("for information", "calm"),
}
TREATMENTS: Final = {
    "mitigate": "we make it smaller",
    "transfer": "somebody else carries it (insurance, contract)",
    "accept": "it is accepted",
    "avoid": "what causes it is given up",
}
SYSTEMS: Final = {
    "microsoft365": "Microsoft 365",
    "aws": "Amazon Web Services",
    "linux": "Linux servers",
    "messages": "Messages (mail, chat)",
    "lab": "Cloud account (lab)",
    "labhosts": "Servers (lab)",
    "sink": "Messages (lab)",
}
"""Vendor → what the client calls it."""
INVENTORY: Final = {
    "looked": ("counted", "good"),
    "partly": ("counted in part", "warn"),
    "not_looked": ("could not be counted", "bad"),
    "nothing_connected": ("nothing connected knows them", "calm"),
}
TEAM_ROLES: Final = {
    "incident_commander": "leads an incident",
    "technical_lead": "leads the technical work",
    "communications": "keeps you informed",
    "client_liaison": "speaks for you",
    "recovery_lead": "leads the recovery",
    "legal": "legal questions",
    "privacy": "privacy questions",
    "executive": "decides for your company",
    "scribe": "writes everything down",
}
CONTACT_ROLES: Final = {
    "primary": "decides for you",
    "security": "security",
    "technical": "technical questions",
    "executive": "management",
    "billing": "billing",
    "legal": "legal",
    "privacy": "privacy",
    "other": "",
}


def day(text: str | None) -> str:
    """``2026-11-22 16:05 UTC`` of an RFC 3339 time, or a day as it is."""
    if not text:
        return "not known"
    return f"{text[:16].replace('T', ' ')} UTC" if "T" in text else text


def counted(number: int, one: str, many: str = "") -> str:
    """``1 account``, ``2 accounts``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def owner(name: str | None, contacts: Mapping[str, Mapping[str, Any]]) -> str:
    """Who answers for a risk, in the client's words."""
    if name is None:
        return "nobody yet"
    kind, _, which = name.partition(":")
    if kind == "contact":
        held = contacts.get(which)
        return f"{held['name']} (you)" if held is not None else f"{which} (you)"
    return f"{which} (we)"
