from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tasks.measures.agreement.roles_named import RolesNamed
from tenantry.capabilities.looking import Agreed
from tests.tasks.checks.looks import NOW
from tests.tasks.measures.given import measured

TODAY = NOW.date()
WHOLE: dict[str, Any] = {
    "signed_on": TODAY,
    "ends_on": TODAY,
    "services": ("monitoring",),
    "duties": {"msp": ("patches",), "client": ("backups",)},
    "contacts": frozenset({"primary"}),
    "team": frozenset({"incident_commander"}),
}


class Looking:
    def __init__(self, **of: Any) -> None:
        self.of = of

    async def agreed(self) -> Agreed:
        return Agreed(**(WHOLE | self.of))


@pytest.mark.parametrize(
    ("of", "status", "lacking"),
    [
        ({}, "pass", 0),
        ({"ends_on": TODAY - timedelta(days=1)}, "fail", 0),
        ({"signed_on": None}, "for_person", 1),
        ({"duties": {"msp": ("patches",)}}, "for_person", 1),
        ({"contacts": frozenset({"billing"}), "team": frozenset({"scribe"})}, "for_person", 2),
        (
            {"services": (), "duties": {}, "contacts": frozenset(), "team": frozenset(), "signed_on": None},
            "for_person",
            6,
        ),
    ],
)
async def test_what_is_not_named_is_asked(of: dict[str, Any], status: str, lacking: int) -> None:
    found = await measured(RolesNamed(), looking=Looking(**of))
    assert (found.status, len(found.about)) == (status, lacking)
