"""A client with an insurer, for tests and pictures."""

from __future__ import annotations

from typing import Any

from tenantry.insurance.readiness import readiness

AT = "2026-11-22T10:00:00.000000Z"


def policy(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        **{
            "policy": name,
            "title": f"Policy {name}",
            "status": status,
            "why": f"seen as {status}",
            "remedy": "Mend it.",
        },
        **{"about": [], "about_total": 0, "since": AT},
        **more,
    }


BASELINES = [
    {
        **{"id": "b", "version": 1, "title": "Measures"},
        "policies": [
            policy("mfa", "pass", title="Everybody signs in with a second factor"),
            policy("admins", "fail", title="Administrators have keys", about=["ann@acme.example", "bob@acme.example"], about_total=2),
            policy("logs", "unknown", title="Logs are kept for a year", why="the directory did not answer"),
            policy("macros", "excepted", title="No macros from the internet"),
            policy("ot", "not_applicable", title="Machines of the factory stand apart"),
        ],
    }
]  # fmt: skip
INSURER: dict[str, Any] = {
    **{"name": "Sure AG", "policy": "P-1", "cover": "incident response up to EUR 1,000,000", "contact": "hotline"},
    **{
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "notice_period_hours": 48,
        "approved_vendors_only": False,
    },
    "required_controls": [
        *("MFA for everybody", "Keys for administrators", "Logs for a year", "No macros", "Factory apart"),
        "A response plan that was rehearsed",
    ],
    "measured_by": {
        **{
            "MFA for everybody": ["b/mfa"],
            "Keys for administrators": ["b/mfa", "b/admins"],
            "Logs for a year": ["b/logs"],
        },
        **{"No macros": ["b/macros"], "Factory apart": ["b/ot"]},
    },
}


def document() -> dict[str, Any]:
    return readiness(INSURER, BASELINES, at=AT, run_id="run-1", mode="run", client="Acme Ltd")
