"""The onboarding report as data: put together from the run's record and the risk register alone, so that it can be made again from them.

Nothing is called well that was not seen: what did not run, could not be looked at or is not known is said, and the first page says so too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tenantry.onboarding.words import SYSTEMS, counted, owner
from tenantry.sweep.model import rank

__all__ = ["Sources", "document"]

SWEEP: Final = "incident.sweep_tenant"
INVENTORY: Final = "onboarding.inventory"
BASELINE: Final = "onboarding.baseline"
RISKS: Final = "onboarding.open_risks"
OPEN: Final = "incident.open_incident"
_BROKEN: Final = ("failed", "unknown", "undo_failed")
_NEXT: Final = 8
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


def document(sources: Sources) -> dict[str, Any]:
    """The report's data, JSON."""
    return _Document(sources).made()


class _Document:
    def __init__(self, sources: Sources) -> None:
        self._s = sources
        self._steps = [step for step in sources.run["steps"] if step["id"] != sources.step]
        self._inventory = self._output(INVENTORY)
        self._contacts = {one["id"]: one for one in sources.subject.get("contacts") or ()}
        self._findings = self._of_sweep()
        self._gaps = self._looked_over()

    def made(self) -> dict[str, Any]:
        run, subject = self._s.run, self._s.subject
        waits = self._waits()
        return {
            "run_id": run["run_id"],
            "mode": run["mode"],
            "tenant": run["tenant"],
            "client": subject.get("display_name") or run["tenant"],
            "title": run["title"],
            "started_at": run["started_at"],
            "at": self._s.at,
            "badges": self._badges(waits),
            "told": self._told(waits),
            "agreement": self._agreement(),
            "systems": self._systems(),
            "kinds": self._inventory.get("kinds", []) if self._inventory else [],
            "sweep": self._swept(),
            "findings": self._findings,
            "incidents": [dict(one) for one in self._s.incidents],
            "policies": list(self._s.baseline["policies"]) if self._s.baseline else [],
            "baseline": {key: self._s.baseline[key] for key in ("baseline", "version", "title")} if self._s.baseline else None,
            "risks": [self._risk(one) for one in self._s.risks],
            "gaps": self._gaps,
            "waits": waits,
            "next": self._next(),
            "steps": [self._step(one) for one in self._steps],
        }  # fmt: skip

    # --- what the record says -----------------------------------------------------------------------------------------

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

    # --- what it comes to ---------------------------------------------------------------------------------------------

    def _looked_over(self) -> list[str]:
        """What was not looked at, a sentence each: as long as there is one, nobody is told that all is well."""
        found: list[str] = []
        swept = self._swept()
        if swept["state"] == "not_run":
            found.append("Nobody has looked for an intruder yet.")
        elif swept["state"] == "failed":
            found.append("The search for an intruder could not be carried out.")
        elif swept["could_not_check"]:
            found.append(
                f"{counted(swept['checks'].get('unknown', 0) or swept['could_not_check'], 'check')} of the search for an "
                "intruder could not look at everything."
            )
        if swept["state"] == "done" and not self._saw_something():
            found.append("The search for an intruder found nothing of yours that it could look at.")
        if not self._inventory:
            found.append("What you have was not counted.")
        away = [one["name"] for one in self._systems() if one["works"] is False]
        if away:
            found.append(f"We have no working access to {', '.join(away)}.")
        missed = [
            one["title"].lower()
            for one in (self._inventory.get("kinds", []) if self._inventory else ())
            if one["state"] in ("not_looked", "partly")
        ]
        if missed:
            found.append(f"Not counted, or not all of them: {', '.join(missed)}.")
        if self._s.baseline is None:
            found.append("The protective measures were not looked at.")
        unknown = [one for one in self._policies() if one["status"] == "unknown"]
        if unknown:
            found.append(
                f"How {counted(len(unknown), 'protective measure stands', 'protective measures stand')} could not be found out."
            )
        if not any(one["outcome"] in ("changed", "already") for one in self._of(RISKS)):
            found.append("The risk register may lack what this onboarding found.")
        return found

    def _policies(self) -> Sequence[Json]:
        return self._s.baseline["policies"] if self._s.baseline else ()

    def _critical(self) -> list[dict[str, Any]]:
        return [one for one in self._findings if one["severity"] == "critical"]

    def _uncovered(self) -> list[dict[str, Any]]:
        """Critical findings that no incident answers."""
        return [one for one in self._critical() if one["uncovered"]]

    def _serious(self) -> list[dict[str, Any]]:
        return [one for one in self._findings if rank(one["severity"]) >= rank("medium")]

    def _badges(self, waits: Sequence[Json]) -> list[dict[str, str]]:
        badges = []
        if self._s.incidents:
            badges.append({"look": "bad", "text": counted(len(self._s.incidents), "incident") + " opened"})
        elif self._critical():
            badges.append({"look": "bad", "text": "Critical findings"})
        elif self._serious():
            badges.append({"look": "warn", "text": f"{counted(len(self._serious()), 'finding')} to settle"})
        elif not self._sweep_gaps():
            badges.append({"look": "good", "text": "No sign of an intruder found"})
        if self._gaps:
            badges.append({"look": "warn", "text": "Not everything could be looked at"})
        failed = sum(one["status"] == "fail" for one in self._policies())
        if failed:
            badges.append({"look": "warn", "text": counted(failed, "measure") + " not met"})
        if waits:
            badges.append({"look": "people", "text": f"{counted(len(waits), 'thing')} to be done by somebody"})
        return badges

    def _sweep_gaps(self) -> bool:
        """The search for an intruder did not see everything that it should have."""
        away = any(one["works"] is False for one in self._systems())
        swept = self._swept()
        return swept["state"] != "done" or bool(swept["could_not_check"]) or not self._saw_something() or away

    def _saw_something(self) -> bool:
        """The search for an intruder looked at anything at all: a check that had nothing to look at proves nothing."""
        return any(one["looked_at"] for one in (self._s.sweep["checks"] if self._s.sweep else ()))

    def _told(self, waits: Sequence[Json]) -> list[str]:
        """The summary, a paragraph each."""
        lines = [self._intruder()]
        if self._gaps:
            lines.append(
                "Not everything could be looked at, and what was not is not known to be well: " + " ".join(self._gaps)
            )
        if self._policies():
            lines.append(self._measured())
        if self._s.risks:
            heavy = sum(one["level"] in ("high", "very_high") for one in self._s.risks)
            open_ = sum(one["treatment"] is None for one in self._s.risks)
            undecided = "all" if open_ == len(self._s.risks) > 1 else str(open_) if open_ else ""
            lines.append(
                f"Your risk register now holds {counted(len(self._s.risks), 'open risk')}, {heavy} of them high or very high. "
                + (
                    f"What is done about {undecided} of them is still to be decided."
                    if undecided
                    else "Each has been decided on."
                )
            )
        if waits:
            lines.append(
                f"{counted(len(waits), 'thing waits', 'things wait')} for somebody; the list below says for whom."
            )
        return lines

    def _intruder(self) -> str:
        critical = self._critical()
        if self._s.incidents:
            names = sorted({one["entity"] for one in self._s.incidents})
            more = len(self._uncovered())
            return (
                f"We found signs that somebody else is inside your systems, and opened {counted(len(self._s.incidents), 'incident')} "
                f"at once ({', '.join(names[:5])}{' and others' if len(names) > 5 else ''}). Each has a report of its own."
                + (f" {counted(more, 'kind')} of critical findings beside them are looked at by hand." if more else "")
            )
        if critical:
            return (
                f"We found {counted(len(critical), 'kind')} of critical signs that somebody else may be inside your systems. "
                "No incident has been opened by this onboarding yet: they are being looked at."
            )
        if self._serious():
            return (
                "We looked for signs that somebody else is inside your systems. We found nothing critical, and "
                f"{counted(len(self._serious()), 'kind')} of findings that have to be explained or settled."
            )
        if self._swept()["state"] != "done" or not self._saw_something():
            return (
                "Whether somebody else is inside your systems is not known: the search for it did not come to a result."
            )
        if self._sweep_gaps():
            return "In the part of your systems that we could look at we found no sign of an intruder. The rest is not known."
        return "We looked for signs that somebody else is inside your systems, in everything that is connected, and found none."

    def _measured(self) -> str:
        count = dict.fromkeys(("pass", "fail", "for_person", "unknown"), 0)
        for one in self._policies():
            count[one["status"]] = count.get(one["status"], 0) + 1
        total = len(self._policies()) - count.get("not_applicable", 0)
        told = (
            ("pass", "met"),
            ("fail", "not met"),
            ("for_person", "to be asked of somebody"),
            ("unknown", "not known"),
        )
        words = [f"{count[name]} {_are(count[name])} {said}" for name, said in told if count[name]]
        if len(words) < 2:
            return f"Of {counted(total, 'protective measure')} that apply to you, {words[0] if words else 'none was looked at'}."
        return f"Of {counted(total, 'protective measure')} that apply to you, {', '.join(words[:-1])} and {words[-1]}."

    # --- what remains -------------------------------------------------------------------------------------------------

    def _waits(self) -> list[dict[str, Any]]:
        """Who has to do what, and until when."""
        waits = [
            {
                "who": f"us ({one['role']})",
                "what": one["question"] or f"approve: {one['step']}",
                "until": one["expires_at"],
            }
            for one in self._s.run["waiting_for"]
            if one["step"] != self._s.step
        ]
        waits += [
            {"who": "us", "what": f"Carry on the incident about {one['entity']}, run {one['run_id']}", "until": None}
            for one in self._s.incidents
        ]
        waits += [
            {
                "who": "us",
                "what": f"Critical, and no incident yet: {one['title']} ({', '.join(one['uncovered'][:3])})",
                "until": None,
            }
            for one in self._uncovered()
        ]
        for one in self._systems():
            if one["works"] is False:
                waits.append({"who": "you and us", "what": f"Access to {one['name']}: {one['why']}", "until": None})
        decides = next((one["name"] for one in self._contacts.values() if one["role"] == "primary"), "your contact")
        waits += [
            {"who": f"{decides} (you) and us", "what": one["ask"], "until": None}
            for one in self._policies()
            if one["status"] == "for_person"
        ]
        undecided: dict[str, int] = {}
        for risk in self._s.risks:
            if risk["treatment"] is None:
                name = owner(risk["owner"], self._contacts)
                undecided[name] = undecided.get(name, 0) + 1
        waits += [
            {
                "who": name,
                "what": f"Decide what is done about {counted(number, 'risk')}",
                "until": self._first_review(name),
            }
            for name, number in undecided.items()
        ]
        waits += [
            {
                "who": "us",
                "what": f"{one['title']}: {one['error']['message'] if one['error'] else one['outcome']}",
                "until": None,
            }
            for one in self._steps
            if one["outcome"] in _BROKEN
        ]
        return [
            *waits,
            *(
                {"who": "you and us", "what": f"The agreement does not say: {one}", "until": None}
                for one in self._s.lacking
            ),
        ]

    def _first_review(self, name: str) -> str | None:
        days = [
            one["review_on"]
            for one in self._s.risks
            if one["treatment"] is None and owner(one["owner"], self._contacts) == name
        ]
        return min(days, default=None)

    def _next(self) -> list[str]:
        """What is done next, the most pressing first."""
        found = [
            f"We carry the incident about {one['entity']} on ({one['runbook'].replace('_', ' ')}, run {one['run_id']})."
            for one in self._s.incidents
        ]
        if not self._s.incidents and self._critical():
            found.append(
                "We find out what is behind the critical findings, and open an incident where they are what they look like."
            )
        if self._gaps:
            found.append(
                "What could not be looked at is looked at as soon as we have access, and this report is made again."
            )
        for risk in self._s.risks:
            if risk["treatment"] is None and risk["remedy"] and len(found) < _NEXT:
                found.append(
                    f"{risk['title']}. {risk['remedy']}"
                    if not risk["title"].endswith(".")
                    else f"{risk['title']} {risk['remedy']}"
                )
        asked = sum(one["status"] == "for_person" for one in self._policies())
        if asked:
            found.append(f"We go through {counted(asked, 'open question')} with you.")
        if self._s.risks:
            found.append(
                f"We look at the risk register together, the first time by {min(one['review_on'] for one in self._s.risks)}."
            )
        return list(dict.fromkeys(found))


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
