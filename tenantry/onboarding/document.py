"""The onboarding report as data: put together from the run's record and the risk register alone, so that it can be made again from them.

Nothing is called well that was not seen: what did not run, could not be looked at or is not known is said, and the first page says so too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tenantry.onboarding.facts import RISKS, SWEEP, Facts, Json, Sources
from tenantry.onboarding.words import counted, owner

__all__ = ["SWEEP", "Sources", "document"]

_BROKEN: Final = ("failed", "unknown", "undo_failed")
_NEXT: Final = 8
TITLE: Final = "What we found when we took you on"
"""For the client: the runbook's own title speaks to whoever runs it."""


def document(sources: Sources) -> dict[str, Any]:
    """The report's data, JSON."""
    return _Document(sources).made()


class _Document(Facts):
    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        self._gaps = self._looked_over()

    def made(self) -> dict[str, Any]:
        run, subject = self._s.run, self._s.subject
        waits = self._waits()
        return {
            "run_id": run["run_id"],
            "mode": run["mode"],
            "tenant": run["tenant"],
            "client": subject.get("display_name") or run["tenant"],
            "title": TITLE,
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
            "next": self._next(waits),
            "steps": [self._step(one) for one in self._steps],
        }  # fmt: skip

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
            found.append("The search for an intruder could look at nothing of yours.")
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
        count = dict.fromkeys(("pass", "fail", "excepted", "for_person", "unknown"), 0)
        for one in self._policies():
            count[one["status"]] = count.get(one["status"], 0) + 1
        total = len(self._policies()) - count.get("not_applicable", 0)
        told = (
            ("pass", "met"),
            ("fail", "not met"),
            ("excepted", "not met, and answered for by somebody"),
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

    def _next(self, waits: Sequence[Json]) -> list[str]:
        """What is done next, the most pressing first."""
        found = [
            f"We carry the incident about {one['entity']} on ({one['runbook'].replace('_', ' ')}, run {one['run_id']})."
            for one in self._s.incidents
        ]
        if self._uncovered():
            found.append(
                "We find out what is behind the critical findings that no incident is open for, and open one where they are "
                "what they look like."
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
        if not found and not waits:
            found.append("Nothing is left open by this onboarding. The service that was agreed goes on.")
        return list(dict.fromkeys(found))


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
