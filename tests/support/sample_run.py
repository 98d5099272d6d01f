"""A recorded run to make timelines of: a business email compromise as the engine records it, on a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenantry.clock import rfc3339
from tenantry.journal import Event, Journal, Record
from tenantry.journal.entry import digest
from tenantry.run.state import RunState, fold
from tenantry.runbook.model import Runbook
from tenantry.timeline import Timeline, build, related

TENANT = "acme"
RUN = "7f3a9c21d4e84b6f"
START = datetime(2026, 11, 20, 3, 12, 4, 250_000, UTC)
ANNA = "anna.berg@acme.example"
LEN = "len.okafor@acme.example"
ATTACKER_IP = "185.220.101.34"


class SteppingClock:
    """Moves only when told."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return int((self.at - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)

    def after(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def sample_runbook(spray: int = 0) -> Runbook:
    """Twelve steps; with ``spray``, one more that goes over that many accounts."""
    steps: list[dict[str, Any]] = [
        {"id": "team", "title": "Assemble the response team", "phase": "assemble", "uses": "incident.assemble_team"},
        {"id": "first_notice", "title": "Tell the client that we are on it", "phase": "confirm", "uses": "messenger.notify"},
        {"id": "confirmed", "title": "Client confirms the incident", "phase": "confirm", "uses": "human.confirm"},
        {"id": "sign_ins", "title": "Collect sign-ins", "phase": "analyse", "uses": "identity.collect_sign_ins"},
        {"id": "profile", "title": "Tell the attacker's sign-ins from the person's", "phase": "analyse", "uses": "incident.profile_sign_ins"},
        {"id": "artifacts", "title": "Decide what the attacker made", "phase": "analyse", "uses": "incident.attribute_artifacts"},
        {"id": "block", "title": "Block sign-in", "phase": "contain", "uses": "identity.disable_sign_in", "for_each": "params.all", "expect_at_most": 5},
        {"id": "revoke", "title": "End all sessions", "phase": "contain", "uses": "identity.revoke_sessions", "for_each": "params.all", "expect_at_most": 5},
        {"id": "rules", "title": "Remove the attacker's inbox rules", "phase": "mitigate", "uses": "mail.remove_inbox_rule", "for_each": "params.all", "expect_at_most": 20},
        {"id": "forwarding", "title": "Clear forwarding", "phase": "mitigate", "uses": "mail.clear_forwarding"},
        {"id": "verify", "title": "Verify that it is contained", "phase": "mitigate", "uses": "incident.verify_contained"},
        {"id": "enable", "title": "Allow sign-in again", "phase": "recover", "uses": "identity.enable_sign_in", "approve": {"role": "approver"}},
        {"id": "clocks", "title": "Start notification clocks", "phase": "report", "uses": "clocks.start"},
        {"id": "actions", "title": "Record root cause and actions", "phase": "review", "uses": "human.do"},
    ]  # fmt: skip
    if spray:
        steps.insert(
            8,
            {
                "id": "spray",
                "title": "End sessions of everybody who got the mail",
                "phase": "contain",
                "uses": "identity.revoke_sessions",
                "for_each": "params.all",
                "expect_at_most": 5000,
            },
        )
    return Runbook.model_validate(
        {
            "id": "business_email_compromise",
            "version": "1.0.0",
            "title": "Business email compromise",
            "kind": "incident",
            "attack": ["T1078.004", "T1114.003", "T1564.008"],
            "phases": ["assemble", "confirm", "analyse", "contain", "mitigate", "recover", "report", "review"],
            "steps": steps,
        }
    )


@dataclass
class Sample:
    journal: Journal
    clock: SteppingClock
    runbook: Runbook
    run_id: str = RUN

    @property
    def records(self) -> list[Record]:
        return self.journal.records(self.run_id)

    @property
    def state(self) -> RunState:
        return fold(self.records)


class Recorder:
    """Appends what the engine would, in its words."""

    def __init__(self, journal: Journal, clock: SteppingClock, run_id: str) -> None:
        self.journal, self.clock, self.run_id, self.attempt = journal, clock, run_id, 0

    def put(
        self,
        event: str,
        payload: Mapping[str, Any] | None = None,
        *,
        step: str | None = None,
        outcome: str | None = None,
        after: float = 0.0,
    ) -> None:
        self.clock.after(after)
        flow = ("business_email_compromise", "1.0.0")
        self.journal.append(TENANT, [Event(event, payload or {}, self.run_id, step, self.attempt, outcome, flow)])

    def begin(self, owner: str = "worker-1", after: float = 0.1) -> None:
        self.attempt += 1
        self.put("run.attempt", {"attempt": self.attempt, "owner": owner, "flow_run_id": None}, after=after)

    def outcome(self, step: str, outcome: str, *, item: str | None = None, after: float = 0.2, **more: Any) -> None:
        payload = {"item": item, "started_at": rfc3339(self.clock.at), "arguments": {}, "changes": [], **more}
        self.put("step.outcome", payload, step=step, outcome=outcome, after=after)

    def effect(
        self, step: str, path: str, before: Any, to: Any, *, item: str | None = None, took: float = 0.4, **more: Any
    ) -> None:
        changes = [{"path": path, "before": before, "after": to}]
        self.put(
            "step.intent",
            {
                "item": item,
                "arguments": {},
                "changes": changes,
                "deadline": rfc3339(self.clock.at + timedelta(seconds=10)),
            },
            step=step,
            after=0.05,
        )
        self.outcome(step, "changed", item=item, after=took, changes=changes, **more)

    def ask(self, step: str, question: str, *, role: str, kind: str = "approval", reasons: tuple[str, ...] = ()) -> str:
        bound = {"task": step, "tenant": TENANT, "arguments": {}}
        key = digest({"run": self.run_id, "step": step, "item": None, **bound})
        self.put(
            "approval.requested",
            {
                "item": None,
                "digest": key,
                "kind": kind,
                "role": role,
                "four_eyes": kind == "approval",
                "expires_at": rfc3339(self.clock.at + timedelta(hours=24)),
                "reasons": list(reasons),
                "question": question,
                "bound": bound,
                "changes": [],
            },
            step=step,
            after=0.05,
        )
        return key

    def answer(self, step: str, key: str, by: str, *, yes: bool = True, reason: str = "", after: float) -> None:
        decision = "approve" if yes else "deny"
        payload = {"item": None, "digest": key, "by": by, "decision": decision, "reason": reason, "method": "totp"}
        self.put("approval.decided", payload, step=step, after=after)

    def close(self, step: str, key: str, why: str = "approved") -> None:
        self.put("approval.closed", {"item": None, "digest": key, "why": why}, step=step, after=0.1)


def attacks(hostile: str = "") -> Iterator[dict[str, Any]]:
    """What the attacker did, from 26 hours before the run."""
    log, audit, directory = "Entra ID sign-in log", "Unified audit log", "Entra ID directory audit log"
    rows: list[tuple[float, str, str, str, str, str, str, list[str]]] = [
        (-26.05, "sign_in", f"Signed in from Romania as {ANNA}", log, "9c1e7b52-0001", ANNA, "attributed", ["T1078.004"]),
        (-25.97, "method", "Registered an authenticator app", directory, "Directory_5512", ANNA, "attributed", ["T1098.005"]),
        (-25.70, "rule", f"Made the inbox rule {hostile or '.'}", audit, "a1f0-rule-1", ANNA, "attributed", ["T1564.008"]),
        (-25.66, "rule", "Made a hidden inbox rule that deletes replies", audit, "a1f0-rule-2", ANNA, "attributed", ["T1564.008"]),
        (-24.10, "forwarding", "Set forwarding to billing@acrne-invoices.example", audit, "a1f0-fwd-1", ANNA, "attributed", ["T1114.003"]),
        (-21.30, "consent", "Consented to the application “Mail Sync Pro”", directory, "Directory_5610", ANNA, "attributed", ["T1528"]),
        (-9.80, "sign_in", f"Signed in from Romania as {LEN}", log, "9c1e7b52-0044", LEN, "attributed", ["T1078.004"]),
        (-9.02, "device", "Registered the device DESKTOP-7QX1", directory, "Directory_5733", LEN, "uncertain", ["T1098.005"]),
        (-2.40, "phishing", "Sent 41 messages with a false invoice", audit, "a1f0-sent-9", ANNA, "observed", ["T1534"]),
    ]  # fmt: skip
    for hours, kind, title, source, source_id, target, certainty, techniques in rows:
        yield {
            "at": rfc3339(START + timedelta(hours=hours)),
            "title": title,
            "detail": f"from {ATTACKER_IP}; first sign-in ever from this country"
            if kind == "sign_in"
            else f"from {ATTACKER_IP}",
            "source": source,
            "source_id": source_id,
            "certainty": certainty,
            "kind": kind,
            "target": target,
            "techniques": techniques,
        }


def artifact(
    kind: str, label: str, reason: str, *, upn: str = ANNA, key: str = "", confidence: str | None = None
) -> dict[str, Any]:
    return {
        "id": key or f"id/{kind}/{label}",
        "kind": kind,
        "account": "b7d4",
        "upn": upn,
        "object_id": label,
        "label": label,
        "reason": reason,
        "confidence": confidence,
        "evidence_ids": ["a1f0-rule-1"],
    }


def sample_run(
    folder: Path,
    *,
    spray: int = 0,
    hostile: str = "",
    unfinished: bool = False,
    mode: str = "run",
    evidence: tuple[Mapping[str, Any], ...] = (),
) -> Sample:
    """Record a whole run: interrupted in containment, resumed, waiting for an approval, ended.

    Args:
        spray: accounts of one more, large step.
        hostile: a text of the attacker's choice, put wherever an attacker or a client can put one.
        unfinished: stop where the approval is asked for.
        evidence: references for the step that collects sign-ins.
    """
    clock = SteppingClock()
    journal = Journal(f"sqlite:///{folder / 'journal.db'}", lambda tenant: tenant.encode().ljust(32, b"k"), clock)
    runbook = sample_runbook(spray)
    put = Recorder(journal, clock, RUN)
    put.put(
        "run.created",
        {
            "tenant": TENANT,
            "runbook": {"id": runbook.id, "version": runbook.version, "digest": "d" * 64, "text": "title: sample"},
            "params": {"account": ANNA, "severity": "high"},
            "mode": mode,
            "subject": f"{ANNA}{hostile}",
            "requester": {"person": "mira", "proven": True, "via": "command line"},
            "flow_run_id": None,
        },
    )
    put.begin()
    put.outcome("team", "observed", output={"team": ["mira", "jon"], "missing": ["legal"]})
    put.effect("first_notice", "message/first_notice/sent", False, True)
    asked = put.ask("confirmed", f"Did {ANNA} sign in from Romania?{hostile}", role="engineer", kind="answer")
    put.outcome(
        "sign_ins",
        "observed",
        after=3.1,
        output={"total": 4182, "groups": []},
        evidence=list(evidence) or [{"name": "sign-ins.jsonl", "sha256": "ab" * 32, "size": 1_843_221, "rows": 4182}],
    )
    put.outcome(
        "profile",
        "observed",
        after=0.3,
        output={
            "verdict": "attacker_found",
            "attacker_ips": [ATTACKER_IP],
            "attacker_events": list(attacks(hostile))[:1],
            "limits": ["the vendor publishes sign-ins minutes late: the newest may be missing"],
        },
    )
    found = [
        artifact(
            "rule", f"rule '.'{hostile}", "New-InboxRule from the attacker's address", key="rule-1", confidence="high"
        ),
        artifact("rule", "rule 'Invoices' (hidden)", "hidden; deletes mail", key="rule-2", confidence="high"),
    ]
    put.outcome(
        "artifacts",
        "observed",
        after=0.4,
        output={
            "rules": found,
            "forwarding": [artifact("forwarding", "billing@acrne-invoices.example", "Set-Mailbox from the attacker's address")],
            "consents": [artifact("consent", f"consent to 'Mail Sync Pro' {hostile}", "a publisher nobody verified")],
            "for_person": [artifact("device", "device 'DESKTOP-7QX1'", "registered during the compromise from an address nobody knows", upn=LEN)],
            "kept": [
                artifact("rule", "rule 'Newsletters'", "made before the compromise"),
                artifact("delegate", "full_access for assistant@acme.example", "made before the compromise"),
                artifact("consent", "consent to 'Zoom'", "made from the person's own address"),
            ],
            "attacker_events": list(attacks(hostile)),
            "limits": [],
        },
    )  # fmt: skip
    accounts = [
        {"key": "b7d4", "value": {"id": "b7d4", "upn": ANNA}},
        {"key": "c902", "value": {"id": "c902", "upn": LEN}},
    ]
    put.put("step.expanded", {"items": accounts}, step="block", after=0.05)
    put.effect("block", "account/b7d4/enabled", True, False, item="b7d4")
    put.put("step.intent", {"item": "c902", "arguments": {}, "changes": [{"path": "account/c902/enabled", "before": True, "after": False}], "deadline": rfc3339(clock.at + timedelta(seconds=10))}, step="block", after=0.05)  # fmt: skip
    put.begin("worker-2", after=6.4)  # killed between intent and outcome
    put.outcome("block", "changed", item="c902", after=0.3, note="found done when it was checked again after an interruption", changes=[{"path": "account/c902/enabled", "before": True, "after": False}])  # fmt: skip
    put.put("step.expanded", {"items": accounts}, step="revoke", after=0.05)
    for account in ("b7d4", "c902"):
        put.effect("revoke", f"account/{account}/sessions", "valid", "ended by this run", item=account)
    if spray:
        people = [{"key": f"u{n}", "value": {"id": f"u{n}", "upn": f"user{n:04}@acme.example"}} for n in range(spray)]
        put.put("step.expanded", {"items": people}, step="spray", after=0.05)
        for n, person in enumerate(people):
            if n % 97 == 96:
                error = {
                    "code": "cannot_check",
                    "message": "the account could not be read",
                    "remedy": "Restore access.",
                    "retryable": False,
                }
                put.outcome("spray", "unknown", item=person["key"], after=0.01, error=error)
            elif n % 5 == 4:
                put.outcome("spray", "already", item=person["key"], after=0.01)
            else:
                put.effect(
                    "spray", f"account/{person['key']}/sessions", "valid", "ended", item=person["key"], took=0.03
                )
    put.put("step.expanded", {"items": [{"key": row["id"], "value": row} for row in found]}, step="rules", after=0.05)
    for row in found:
        put.effect("rules", f"rule/{row['id']}", {"name": row["label"], "delete": True}, None, item=row["id"])
    put.effect("forwarding", "mailbox/b7d4/forwarding", "billing@acrne-invoices.example", None)
    put.outcome(
        "verify", "observed", after=1.2, output={"contained": True, "proof": ["sign-in blocked", "sessions ended"]}
    )
    journal.append(TENANT, [Event("note", {"text": f"Called Anna: she had opened the “voicemail” link.{hostile}", "at": rfc3339(START - timedelta(minutes=9)), "by": "mira"}, RUN, flow=("business_email_compromise", "1.0.0"))])  # fmt: skip
    key = put.ask(
        "enable", f"Allow sign-in again. {hostile}", role="approver", reasons=("the account was compromised",)
    )
    put.put("run.stopped", {"status": "waiting_for_approval"}, outcome="waiting_for_approval", after=0.1)
    if unfinished:
        return Sample(journal, clock, runbook)
    put.put(
        "approval.refused",
        {"person": "mira", "why": "out_of_scope", "item": None, "digest": key},
        step="enable",
        after=1200,
    )
    put.answer("confirmed", asked, "mira", reason="Anna was at home all day", after=60)
    put.answer("enable", key, "jon", reason=f"Anna was verified in person{hostile}", after=900)
    put.begin("worker-2", after=2)
    put.close("confirmed", asked)
    put.outcome("confirmed", "observed", output={"answer": "yes", "by": "mira", "at": rfc3339(clock.at), "reason": ""})
    put.close("enable", key)
    put.effect("enable", "account/b7d4/enabled", False, True)
    put.outcome(
        "clocks",
        "observed",
        output={
            "clocks": [
                {"name": "GDPR Art. 33: authority", "started_at": rfc3339(clock.at), "due_at": rfc3339(clock.at + timedelta(hours=72)), "stopped_at": None, "source": "Regulation (EU) 2016/679, Art. 33(1)"},
                {"name": "Client contract: first notice", "started_at": rfc3339(START), "due_at": rfc3339(START + timedelta(hours=4)), "stopped_at": rfc3339(START + timedelta(seconds=1)), "source": "agreement of 2025-02-01"},
                {"name": "Insurer", "started_at": rfc3339(START), "due_at": rfc3339(START + timedelta(minutes=30)), "stopped_at": rfc3339(START + timedelta(minutes=41)), "source": "policy CY-2213"},
            ]
        },
    )  # fmt: skip
    asked = put.ask("actions", "Record root cause, and actions with owner and date", role="lead", kind="answer")
    put.put("run.stopped", {"status": "waiting_for_approval"}, outcome="waiting_for_approval", after=0.1)
    put.answer(
        "actions",
        asked,
        "jon",
        reason="No phishing-resistant MFA for finance; jon orders keys by 1 December",
        after=21_000,
    )
    put.begin("worker-2", after=2)
    put.close("actions", asked)
    put.outcome(
        "actions", "observed", output={"answer": "done", "by": "jon", "at": rfc3339(clock.at), "reason": "keys"}
    )
    status = "completed_with_exceptions" if spray > 96 else "completed"
    put.put("run.ended", {"status": status}, outcome=status, after=0.05)
    return Sample(journal, clock, runbook)


def timeline_of(sample: Sample, **more: Any) -> Timeline:
    """As the command line builds it."""
    records = sample.records
    return build(
        sample.state, records, runbook=sample.runbook, around=related(sample.journal, sample.state, records), **more
    )
