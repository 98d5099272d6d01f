"""What tests of checks share: a look, and how findings are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tenantry.sweep.check import Check, Known, Look

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATELY = NOW - timedelta(days=2)
LONG_AGO = NOW - timedelta(days=400)
OURS = "0a000000-0000-4000-8000-000000000001"
PARTNER = "0b000000-0000-4000-8000-000000000002"
LOOK = Look(
    NOW,
    NOW - timedelta(days=30),
    Known(
        domains=frozenset({"acme.example"}),
        networks=frozenset({"198.51.100.0/24"}),
        accounts=frozenset({"breakglass@acme.example", "id-breakglass"}),
        applications=frozenset({OURS}),
        partners=frozenset({PARTNER}),
    ),
)


def found(check: Check[Any], fact: Any, look: Look = LOOK) -> list[tuple[str, str]]:
    """Severity and entity of each finding."""
    return [(one.severity, one.entity["id"]) for one in check.evaluate(fact, look)]
