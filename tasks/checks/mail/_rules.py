"""What checks of inbox rules ask: how far a rule hides mail, and how it is told to people."""

from __future__ import annotations

from typing import Literal

from tenantry.capabilities import InboxRule
from tenantry.sweep.logs.m365_meaning import AWAY, HIDING, MONEY_WORDS, ODD_NAME

__all__ = ["called", "hides", "money_words", "odd_name"]


def hides(rule: InboxRule) -> Literal["deletes", "hides", "tucks away"] | None:
    """Deletes mail; moves it to where nobody looks; moves it to archive or deleted items, as many people have it done."""
    if rule.delete:
        return "deletes"
    folder = rule.move_to_folder or ""
    if HIDING.search(folder):
        return "hides"
    return "tucks away" if AWAY.search(folder) else None


def odd_name(rule: InboxRule) -> bool:
    """Punctuation, nothing, or a letter: people name rules after what they do."""
    return ODD_NAME.match(rule.name.strip()) is not None


def money_words(rule: InboxRule) -> list[str]:
    """Words of payments, passwords or warnings that the rule looks for."""
    return sorted({found.group(0).lower() for word in rule.words for found in MONEY_WORDS.finditer(word)})


def called(rule: InboxRule) -> str:
    """The rule, for a sentence."""
    hidden = "hidden " if rule.hidden else ""
    off = "" if rule.enabled else " (it is switched off)"
    return f"the {hidden}rule {rule.name!r}{off}"
