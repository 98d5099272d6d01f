"""What the record says, as the onboarding report needs it: read from steps, evidence and register, and judged by nobody yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tenantry.onboarding.words import SYSTEMS, owner
from tenantry.sweep.model import rank

__all__ = ["Facts", "Json", "Sources"]

SWEEP: Final = "incident.sweep_tenant"
INVENTORY: Final = "onboarding.inventory"
RISKS: Final = "risks.refresh_register"
_MOST: Final = 200

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the report is made of.

    Attributes:
        run: the run, as `tenantry.capabilities.recorded.Recorded.run` gives it.
        subject: what was agreed: the evidence of the step that read it, or the client's public facts.
        sweep, baseline: what those steps kept as evidence; None: there is none.
        risks: the open ones of the register, the heaviest first, as JSON.
        incidents: runs that answer what the sweep found: ``{run_id, runbook, entity, findings}``.
        at: RFC 3339.
    """

    run: Json
    subject: Json
    sweep: Json | None
    baseline: Json | None
    risks: Sequence[Json]
    incidents: Sequence[Json]
    at: str
    step: str = ""
    """The step that makes the report: it has not ended, and is left out."""
    lacking: Sequence[str] = field(default_factory=tuple)
    """What the agreement does not say and should."""


class Facts:
    """Readings of the sources that several parts of the report share."""

    def __init__(self, sources: Sources) -> None:
        self._s = sources
        self._steps = [step for step in sources.run["steps"] if step["id"] != sources.step]
        self._inventory = self._output(INVENTORY)
        self._contacts = {one["id"]: one for one in sources.subject.get("contacts") or ()}
        self._findings = self._of_sweep()

    def _of(self, task: str) -> list[Json]:
        return [step for step in self._steps if step["task"] == task]

    def _output(self, task: str) -> Json:
        done = [step["output"] for step in self._of(task) if step["outcome"] == "observed" and step["output"]]
        return done[-1] if done else {}

    def _of_sweep(self) -> list[dict[str, Any]]:
        """Findings by rule, the worst first."""
        rules: dict[str, list[Json]] = {}
        covered = {name for one in self._s.incidents for name in one["findings"]}
        for one in self._s.sweep["findings"] if self._s.sweep else ():
            rules.setdefault(one["rule"], []).append(one)
        rows = []
        for mine in rules.values():
            worst = max(mine, key=lambda one: rank(one["severity"]))
            about = list(dict.fromkeys(one["entity"]["id"] for one in mine))
            rows.append(
                {
                    **{key: worst[key] for key in ("title", "severity", "remedy")},
                    "uncovered": [one["entity"]["id"] for one in mine if one["id"] not in covered],
                    **{"about": about[:_MOST], "count": len(about), "summary": worst["evidence"].get("summary", "")},
                }
            )
        return sorted(rows, key=lambda one: (-rank(one["severity"]), one["title"]))

    def _swept(self) -> dict[str, Any]:
        output = self._output(SWEEP)
        ran = bool(self._of(SWEEP))
        return {
            "state": "done" if output else "failed" if ran else "not_run",
            "checks": self._checks(),
            "saw": self._saw_something(),
            "read_from": output.get("read_from"),
            "read_until": output.get("read_until"),
            "could_not_check": output.get("could_not_check_total", 0),
            "incomplete": sorted({one["why"] for one in self._s.sweep["could_not_check"]})[:20]
            if self._s.sweep
            else [],
        }

    def _checks(self) -> dict[str, int]:
        """How many checks ended how. One that passed because there was nothing to look at counts as ``nothing``."""
        counts: dict[str, int] = {}
        for one in self._s.sweep["checks"] if self._s.sweep else ():
            idle = one["status"] == "not_applicable" or (one["status"] == "pass" and not one["looked_at"])
            name = "nothing" if idle else one["status"]
            counts[name] = counts.get(name, 0) + 1
        return counts

    def _systems(self) -> list[dict[str, Any]]:
        listed = self._inventory.get("systems", []) if self._inventory else []
        return [
            {**one, "name": SYSTEMS.get(one["vendor"], one["vendor"]), "why": one["why"].split(". ")[0].rstrip(".")}
            for one in listed
        ]

    def _agreement(self) -> dict[str, Any]:
        subject = self._s.subject
        held = subject.get("agreement") or {}
        return {
            **{key: held.get(key) for key in ("signed_on", "ends_on", "notice_period_hours", "on_termination")},
            "in": list(held.get("services_in_scope") or ()),
            "out": list(held.get("services_out_of_scope") or ()),
            "duties": list(held.get("responsibilities") or ()),
            "sla": dict(held.get("sla") or {}),
            "updates": dict(held.get("update_cadence_minutes") or {}),
            "contacts": [{key: one[key] for key in ("name", "role")} for one in self._contacts.values()],
            "team": [self._member(one) for one in subject.get("response_team") or ()],
            "regimes": list(subject.get("regimes") or ()),
            "insurer": subject.get("insurer"),
            "lacking": list(self._s.lacking),
        }

    def _member(self, one: Json) -> dict[str, str]:
        contact = self._contacts.get(one.get("contact") or "")
        who = f"{contact['name']} (you)" if contact is not None else f"{one.get('person') or one.get('contact')} (we)"
        return {"role": one["role"], "who": who, "deputy": one.get("deputy") or ""}

    def _risk(self, one: Json) -> dict[str, Any]:
        return {**one, "who": owner(one["owner"], self._contacts)}

    @staticmethod
    def _step(one: Json) -> dict[str, Any]:
        error = one["error"]
        return {
            **{key: one[key] for key in ("title", "phase", "task", "item", "outcome", "finished_at")},
            "error": f"{error['message']} {error['remedy']}".strip() if error else "",
        }

    def _policies(self) -> Sequence[Json]:
        return self._s.baseline["policies"] if self._s.baseline else ()

    def _critical(self) -> list[dict[str, Any]]:
        return [one for one in self._findings if one["severity"] == "critical"]

    def _uncovered(self) -> list[dict[str, Any]]:
        """Critical findings that no incident answers."""
        return [one for one in self._critical() if one["uncovered"]]

    def _serious(self) -> list[dict[str, Any]]:
        return [one for one in self._findings if rank(one["severity"]) >= rank("medium")]

    def _saw_something(self) -> bool:
        """The search for an intruder looked at anything at all: a check that had nothing to look at proves nothing."""
        return any(one["looked_at"] for one in (self._s.sweep["checks"] if self._s.sweep else ()))
