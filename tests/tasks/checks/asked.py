"""Whether the detections that a check of a log names are there, and find what lies beside them through the check's own collector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from tenantry.places import SHIPPED
from tenantry.sweep.check import Giver, LogCheck
from tenantry.sweep.engine import Detections
from tenantry.sweep.live import sweep_tenant
from tests.tasks.checks.looks import LOOK

STATISTICS = frozenset(
    {
        *("impossible_travel", "m365_mass_delete", "m365_mass_download", "m365_mass_mail_read", "m365_mass_send"),
        *(
            "new_origin_then_sensitive",
            "password_guessed",
            "password_guessing",
            "password_spray",
            "password_spray_opened",
        ),
        "session_from_two_places",
    }
)
"""Statistical checks that a log check may name; what they find is tested where they are."""


@cache
def detections(format: str) -> Detections:
    return Detections.load(format, (SHIPPED / "detections",))


class _Access:
    """A tenant whose log holds some records."""

    name = "acme"

    async def capability(self, name: str) -> Any:
        return None


def assert_answered(check: LogCheck) -> None:
    """Each rule is one of its log, finds its true positives and makes the check fail; true negatives let it pass, an empty log proves nothing."""
    format = check.collect.log
    assert format is not None
    named = {rule.key for rule in detections(format).rules.rules}
    named |= {one.described.key for one in detections(format).rules.correlations}
    for rule in check.rules:
        if rule in STATISTICS:
            continue
        assert rule in named, f"{rule} is not asked of {format}"
        beside = json.loads((SHIPPED / "detections" / "microsoft365" / f"{rule}.events.json").read_text("utf-8"))
        if beside["format"] == format:
            for events in beside["true_positives"]:
                assert _status(check, rule, events) == "fail"
            for events in beside["true_negatives"]:
                assert _status(check, rule, events) == "pass"
    assert _status(check, check.rules[0], []) == "unknown"


def _status(check: LogCheck, rule: str, events: list[Mapping[str, Any]]) -> str:
    async def read(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
        for event in events:
            yield event

    asked = type(check)()
    asked.collect = replace(check.collect, read=read)  # type: ignore[misc]  # of this one alone
    asked.rules = (rule,)  # type: ignore[misc]  # likewise
    format = str(check.collect.log)
    found = asyncio.run(sweep_tenant(_Access(), [asked], LOOK, {format: detections(format)}))  # type: ignore[arg-type]  # as much as is used
    return str(found.checks[0]["status"])
