from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.measures.entra.credentials_limited import CredentialsLimited
from tenantry.capabilities import CredentialRule, CredentialRules
from tests.tasks.measures.cloud.asked import asked


def rule(kind: str, days: int | None = None, **of: Any) -> list[CredentialRule]:
    """The same for registered applications and for those that are let in; without days: blocked."""
    longest = None if days is None else timedelta(days=days)
    usual = {"kind": kind, "blocked": days is None, "longest": longest, "since": None, "exempt": False, "raw": {}}
    return [CredentialRule(**usual | {"holder": holder} | of) for holder in ("registration", "principal")]


def rules(*given: list[CredentialRule], enabled: bool = True) -> CredentialRules:
    return CredentialRules(enabled=enabled, rules=tuple(one for some in given for one in some), raw={})


BLOCKED = (rule("password"), rule("key"))
LIMITED = (rule("password", 180), rule("key", 90))
LATER = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        (BLOCKED, 0),
        (LIMITED, 4),
        (BLOCKED[:1], 2),
        ((BLOCKED[0][:1], BLOCKED[1]), 1),
        ((rule("password", since=LATER), rule("key")), 2),
        ((rule("password", exempt=True), rule("key")), 2),
        ((), 4),
    ],
)
def test_adding_secrets_is_blocked(given: tuple[list[CredentialRule], ...], lacking: int) -> None:
    assert len(asked(CredentialsLimited, rules(*given), credentials="secrets") or []) == lacking


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        (LIMITED, 0),
        (BLOCKED, 0),
        ((rule("password", 181), rule("key", 180)), 2),
        ((rule("password", 180, longest=None), rule("key")), 2),
        ((rule("password", 10, since=LATER), rule("key")), 2),
        ((rule("password", 10, since=LATER), rule("password"), rule("key")), 0),
    ],
)
def test_secrets_end(given: tuple[list[CredentialRule], ...], lacking: int) -> None:
    assert len(asked(CredentialsLimited, rules(*given), credentials="secrets", days=180) or []) == lacking


def test_certificates_end_and_what_is_off_demands_nothing() -> None:
    year = rule("certificate", 365)
    assert asked(CredentialsLimited, rules(year), credentials="certificates", days=365) == []
    assert asked(CredentialsLimited, rules(year[1:]), credentials="certificates", days=365) == [
        "certificates of registered applications are not limited to 365 days"
    ]
    assert asked(CredentialsLimited, rules(year, enabled=False), credentials="certificates", days=365) == [
        "rules for credentials of applications are off"
    ]
    later = rules(rule("certificate", 30, since=LATER))
    assert "for some only" in str(asked(CredentialsLimited, later, credentials="certificates", days=365))
