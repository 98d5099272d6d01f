"""Policy documents: what this platform writes into them, and what it must be able to read out of them.

Grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

__all__ = [
    "CUT_POLICY",
    "DENY_POLICY",
    "cut_document",
    "cut_moment",
    "deny_document",
    "document_of",
    "is_administrator",
    "is_deny_all",
    "statements",
]

DENY_POLICY: Final = "TenantryDenyAll"
"""Name of the inline policy by which a principal is denied everything."""
CUT_POLICY: Final = "TenantryCutSessions"
"""Name of the inline policy that refuses sessions begun before a moment."""
ADMINISTRATOR: Final = "AdministratorAccess"


def deny_document() -> dict[str, Any]:
    """Denies everything; an explicit deny wins over every allow."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": DENY_POLICY, "Effect": "Deny", "Action": "*", "Resource": "*"}],
    }


def is_deny_all(document: Mapping[str, Any] | None) -> bool:
    """Whether a document denies everything without a condition."""
    return any(
        statement.get("Effect") == "Deny"
        and _every(statement.get("Action"))
        and _every(statement.get("Resource"))
        and not statement.get("Condition")
        for statement in statements(document)
    )


def cut_document(before: datetime) -> dict[str, Any]:
    """Denies sessions whose credentials were issued before a moment, as the console's "revoke active sessions" does.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html"""
    moment = before.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": CUT_POLICY,
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"DateLessThan": {"aws:TokenIssueTime": moment}},
            }
        ],
    }


def cut_moment(document: Mapping[str, Any] | None) -> datetime | None:
    """The moment of :func:`cut_document`; None: it is no such document."""
    for statement in statements(document):
        wanted = (statement.get("Condition") or {}).get("DateLessThan") or {}
        text = wanted.get("aws:TokenIssueTime")
        if isinstance(text, list):
            text = text[0] if text else None
        whole = _every(statement.get("Action")) and _every(statement.get("Resource"))
        if statement.get("Effect") == "Deny" and whole and isinstance(text, str):
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                return None
    return None


def is_administrator(document: Mapping[str, Any] | None) -> bool:
    """Whether a document allows every action on every resource without a condition."""
    return any(
        statement.get("Effect") == "Allow"
        and _every(statement.get("Action"))
        and _every(statement.get("Resource"))
        and not statement.get("Condition")
        for statement in statements(document)
    )


def document_of(value: Any) -> dict[str, Any] | None:
    """botocore decodes documents of most operations; of the others they come as text."""
    if isinstance(value, str):
        value = json.loads(value)
    return dict(value) if isinstance(value, Mapping) else None


def statements(document: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The statements; a single one need not be in a list."""
    found = (document or {}).get("Statement")
    found = [found] if isinstance(found, Mapping) else found
    return [statement for statement in found or () if isinstance(statement, Mapping)]


def _every(value: Any) -> bool:
    values = [value] if isinstance(value, str) else value or []
    return any(one in ("*", "*:*") for one in values)
