"""Sources of an onboarding report, made by hand: a clean client, and what is different about others."""

from __future__ import annotations

from typing import Any

from tenantry.onboarding.document import Sources

AT = "2026-11-22T12:00:00.000000Z"
SUBJECT: dict[str, Any] = {
    "display_name": "Acme Ltd",
    "contacts": [
        {"id": "jo", "name": "Jo Doe", "role": "primary"},
        {"id": "pat", "name": "Pat Poe", "role": "privacy"},
    ],
    "response_team": [
        {"role": "technical_lead", "person": "sam.eng", "contact": None, "deputy": "kim.eng"},
        {"role": "client_liaison", "person": None, "contact": "jo", "deputy": None},
    ],
    "agreement": {
        "signed_on": "2026-01-15",
        "services_in_scope": ["Microsoft 365 administration"],
        "services_out_of_scope": ["payment systems"],
        "responsibilities": [{"what": "backups of laptops", "who": "client"}],
        "sla": {"critical": {"acknowledge_minutes": 30, "contain_minutes": 240, "resolve_minutes": None}},
        "notice_period_hours": 24,
        "on_termination": "return_then_delete",
    },
    "regimes": ["gdpr"],
    "insurer": {"name": "Mutual", "required_controls": ["MFA for all"]},
}
COUNTS = {"fail": 0, "unknown": 0, "accepted": 0, "pass": 9, "not_applicable": 3}


def step(task: str, output: Any = None, outcome: str = "observed", **more: Any) -> dict[str, Any]:
    base = {"id": task.replace(".", "_"), "title": f"Step {task}", "phase": "look", "task": task, "item": None}
    return {**base, "outcome": outcome, "output": output, "finished_at": AT, "error": None, "changes": [], **more}


def finding(rule: str, severity: str, entity: str, **more: Any) -> dict[str, Any]:
    base = {"id": f"{rule}/{entity}", "rule": rule, "title": f"Title of {rule}", "severity": severity}
    about = {"entity": {"type": "account", "id": entity}, "evidence": {"summary": f"seen at {entity}"}}
    return {**base, **about, "remedy": "Look at it.", **more}


def policy(name: str, status: str) -> dict[str, Any]:
    return {
        **{"policy": name, "title": f"Measure {name}", "plain": f"Plain {name}.", "status": status, "why": "so it is"},
        **{
            "about": [],
            "about_total": 0,
            "ask": f"How is {name}?" if status == "for_person" else "",
            "remedy": "Do it.",
        },
        "source": {"title": "A source"},
        "maps": {"cis_v8": ["6.3"]},
    }


def risk(name: str, level: tuple[str, str, str] = ("high", "high", "high"), **more: Any) -> dict[str, Any]:
    likelihood, impact, weighs = level
    base = {"id": f"r{name}", "title": f"Risk {name}", "detail": "", "remedy": "Mend it.", "owner": "person:sam.eng"}
    source = {"kind": "finding", "ref": name, "about": [], "count": 0}
    return {
        **{**base, "likelihood": likelihood, "impact": impact, "level": weighs, "treatment": None, "reason": ""},
        **{"review_on": "2026-12-20", "source": source, "status": "open", **more},
    }


def system(key: str = "m365", works: bool | None = True, why: str = "") -> dict[str, Any]:
    return {"key": key, "vendor": "microsoft365", "works": works, "why": why, "missing": []}


def kind(state: str = "looked", count: int = 5, why: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"kind": "users", "title": "User accounts", "count": count, "state": state, "why": list(why), "evidence": []}


def sources(
    *,
    findings: tuple[Any, ...] = (),
    policies: tuple[Any, ...] | None = (policy("mfa", "pass"),),
    risks: tuple[Any, ...] = (),
    incidents: tuple[Any, ...] = (),
    systems: tuple[Any, ...] = (system(),),
    kinds: tuple[Any, ...] = (kind(),),
    swept: Any = "done",
    counts: dict[str, int] = COUNTS,
    could_not: tuple[str, ...] = (),
    looked_at: int = 40,
    steps: tuple[Any, ...] = (),
    waiting: tuple[Any, ...] = (),
    subject: dict[str, Any] = SUBJECT,
    mode: str = "run",
    lacking: tuple[str, ...] = (),
) -> Sources:
    output = {
        "checks": counts,
        "read_from": AT,
        "read_until": AT,
        "could_not_check_total": len(could_not),
        "incidents": [],
    }
    ran = {"done": [step("incident.sweep_tenant", output)], "failed": [step("incident.sweep_tenant", None, "failed")]}
    all_steps = [
        *ran.get(swept, []),
        step("onboarding.inventory", {"kinds": list(kinds), "systems": list(systems)}),
        step("compliance.assess"),
        step("risks.refresh_register", outcome="changed"),
        *steps,
        step("onboarding.report", outcome=None),
    ]
    run = {"run_id": "run-1", "mode": mode, "tenant": "acme", "title": "Client onboarding", "started_at": AT, "steps": all_steps, "waiting_for": list(waiting)}  # fmt: skip
    sweep = {
        "findings": list(findings),
        "could_not_check": [{"check": "c", "why": why} for why in could_not],
        "checks": [
            {"check": "c", "status": "pass", "looked_at": looked_at},
            {"check": "d", "status": "pass", "looked_at": 0},
        ],
    }
    return Sources(
        run=run,
        subject=subject,
        sweep=sweep if swept == "done" else None,
        baseline=None
        if policies is None
        else {"baseline": "b", "version": 1, "title": "B", "policies": list(policies)},
        risks=risks,
        incidents=incidents,
        at=AT,
        step="onboarding_report",
        lacking=lacking,
    )


INCIDENT = {"run_id": "inc-7", "runbook": "business_email_compromise", "entity": "anna", "findings": ["rule/anna"]}


def breached() -> Sources:
    return sources(
        findings=(
            finding("rule", "critical", "anna"),
            finding("other", "critical", "audit log"),
            finding("low", "low", "x"),
        ),
        policies=(policy("mfa", "fail"), policy("backups", "for_person"), policy("logs", "pass")),
        risks=(
            risk("a", ("very_high", "very_high", "very_high")),
            risk("b", owner="contact:jo"),
            risk("c", treatment="accept"),
        ),
        incidents=(INCIDENT,),
        lacking=("agreement.sla",),
    )


def half() -> Sources:
    away = "Graph: no secret for acme. Check the name."
    return sources(
        systems=(system(), system("cloud", works=False, why=away)),
        kinds=(kind(), kind("not_looked", 0, ("the cloud is away",)), kind("partly", 7, ("broke off",))),
        counts={**COUNTS, "unknown": 4},
        could_not=("the cloud is away",) * 4,
        policies=(policy("mfa", "unknown"), policy("backups", "unknown")),
        steps=(step("cloud.x", None, "failed", error={"message": "It is away.", "remedy": "Wait."}),),
    )
