"""The onboarding report as PDF: PDF/A-2a and PDF/UA-1 (tagged), in the layout of the timelines. A rendering: the record is the authority."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tenantry.baseline.model import FRAMEWORKS
from tenantry.clock import parse_rfc3339
from tenantry.onboarding.picture import COLOURS, described, drawn, drawn_legend
from tenantry.onboarding.words import (
    CONTACT_ROLES,
    INVENTORY,
    LEVELS,
    SEVERITIES,
    STATUSES,
    TEAM_ROLES,
    TREATMENTS,
    day,
)
from tenantry.timeline.glyphs import breakable
from tenantry.timeline.pdf_cells import Part, piece, table
from tenantry.timeline.report_pdf import STYLE, PdfReport, framed, pill
from tenantry.timeline.typeset import typeset
from tenantry.timeline.words import outcome_words

__all__ = ["pdf"]

_MOST: Final = 200
_NOTHING: Final = "Nothing, in what could be looked at."
_UNSEEN: Final = "Nothing of yours could be looked at: whether there is an intruder is not known."
_STYLE: Final = (
    STYLE + ".head{font-size:16px;font-weight:600}"
    ".axis-name{fill:#566072;font-size:12px}.disc{fill:#fff;stroke:#17202e;stroke-width:1.4}.number{font-weight:700;font-size:15px}"
    + "".join(
        f".l-{look}{{fill:{colour}}}.m-{look}{{fill:{colour};stroke:{colour}}}.t-{look}{{fill:{colour}}}"
        for look, colour in COLOURS.items()
    )
    + ".stroke{fill:none;stroke-width:3;stroke-linecap:round}"
)


def pdf(document: Mapping[str, Any]) -> bytes:
    """The report.

    Args:
        document: `tenantry.onboarding.document.document`.

    Raises:
        RecordError: it could not be typeset.
    """
    return typeset(lambda text: _Report(document, text).inputs(), parse_rfc3339(document["at"]))


class _Report(PdfReport):
    """The report as data for the layout."""

    def inputs(self) -> dict[str, str]:
        """What the layout takes."""
        d = self._d
        printed = {**d, "policies": [{**one, "title": self._text(one["title"], 140)} for one in d["policies"]]}
        client = self._text(d["client"], 200)
        data = {
            "title": f"Onboarding report: {client}",
            "description": f"Onboarding report of run {d['run_id']}, as of {day(d['at'])}",
            "keywords": ["onboarding", d["run_id"]],
            "footer": f"Onboarding report · run {d['run_id']} · confidential · all times UTC",
            "cover": self._cover(client),
            "summary": self._summary(),
            "picture": {
                "title": "Risks and measures at a glance",
                "lead": "A number is how many risks stand there. The higher and the further right, the more one weighs.",
                "alt": described(d),
                "legend": f"Legend: {', '.join(words for words, _ in STATUSES.values())}.",
            },
        }
        return framed(data, self._parts(), drawn(printed), drawn_legend(), _STYLE)

    def _cover(self, client: str) -> dict[str, Any]:
        d = self._d
        away = [one["name"] for one in d["systems"] if one["works"] is False]
        facts = [
            ("Client", client, False),
            ("Onboarding began", day(d["started_at"]), False),
            ("As of", day(d["at"]), False),
            ("Agreement signed", d["agreement"]["signed_on"] or "not on file", False),
            ("Systems connected", str(len(d["systems"]) - len(away)) + (f", without {', '.join(away)}" if away else ""), False),
            ("Run", d["run_id"], True),
        ]  # fmt: skip
        banner = {"drill": "Drill: this ran on a stand-in. Nothing of it is about the client.", "plan": "Plan: we looked and changed nothing."}.get(d["mode"], "")  # fmt: skip
        if not banner and d["gaps"]:
            banner = "Not everything could be looked at. What was not is listed, and is not known to be well."
        return {
            "kind": "Onboarding report",
            "title": self._text(d["title"], 200),
            "subject": breakable(client, 40),
            "badges": d["badges"],
            "banner": banner,
            "facts": self._facts(facts),
            "notice": "Confidential. Made from the record of the run that is named here and from the risk register; both are kept by us and signed, and "
            "this is a rendering of them. Names in it may have been chosen by an attacker. All times are UTC.",
        }  # fmt: skip

    def _summary(self) -> dict[str, Any]:
        d = self._d
        met = sum(one["status"] == "pass" for one in d["policies"])
        failed = sum(one["status"] == "fail" for one in d["policies"])
        heavy = sum(one["level"] in ("high", "very_high") for one in d["risks"])
        critical = sum(one["severity"] == "critical" for one in d["findings"])
        systems = [one for one in d["systems"] if one["works"] is not False]
        searched = d["sweep"]["state"] == "done"
        tiles = [
            {"value": str(len(d["incidents"])), "words": "incidents opened", "look": "bad" if d["incidents"] else ""},
            {"value": f"{critical} / {len(d['findings'])}" if searched else "not known", "words": "kinds of findings: critical / all", "look": "bad" if critical else "" if searched else "warn"},
            {"value": f"{len(systems)} / {len(d['systems'])}", "words": "systems that we have access to", "look": "good" if len(systems) == len(d["systems"]) and systems else "warn"},
            {"value": f"{met} / {failed}" if d["policies"] else "not known", "words": "measures met / not met", "look": "warn" if failed or not d["policies"] else ""},
            {"value": f"{heavy} / {len(d['risks'])}", "words": "open risks: high or very high / all", "look": "warn" if heavy else ""},
            {"value": str(len(d["waits"])), "words": "things that wait for somebody", "look": "people" if d["waits"] else ""},
        ]  # fmt: skip
        parts: list[Part] = []
        if d["next"]:
            parts.append({"title": "What happens next", "list": [self._long(line) for line in d["next"]]})
        return {
            "title": "What we did, and what it came to",
            "lines": [self._long(line) for line in d["told"]],
            "tiles": tiles,
            "parts": parts,
        }

    # --- parts --------------------------------------------------------------------------------------------------------

    def _parts(self) -> Iterator[Part]:
        d = self._d
        if d["waits"]:
            rows: list[Any] = [
                [[piece("strong", self._cell(one["who"]))], self._cell(one["what"], 60), day(one["until"]) if one["until"] else ""]
                for one in d["waits"][:_MOST]
            ]  # fmt: skip
            yield self._part("What waits for whom", ("Who", "What", "Until"), ("58mm", "1fr", "36mm"), rows)
        yield from self._agreed()
        if d["systems"]:
            yield self._connected()
        if d["kinds"]:
            yield self._inventory()
        yield from self._found()
        if d["policies"]:
            yield self._measures()
        yield self._risks()
        yield self._steps()

    @staticmethod
    def _part(title: str, head: Sequence[str], widths: Sequence[str], rows: Sequence[Any], lead: str = "") -> Part:
        return {"level": 1, "title": title, "lead": lead, "table": table(head, widths, rows)}

    def _agreed(self) -> Iterator[Part]:
        a = self._d["agreement"]
        insurer = a["insurer"] or {}
        rows: list[Any] = [
            ["We do", self._cell(", ".join(a["in"]) or "not on file", 60)],
            ["We do not do, unless you ask", self._cell(", ".join(a["out"]) or "not on file", 60)],
            ["You hear of an incident within", f"{a['notice_period_hours']} hours" if a["notice_period_hours"] is not None else "not agreed"],
            ["At the end everything is", str(a["on_termination"] or "not agreed").replace("_", " ")],
            ["Rules that may apply to you", self._cell(", ".join(a["regimes"]) or "none on file", 60)],
            ["Insurer", self._cell(insurer.get("name", "none on file"))],
        ]  # fmt: skip
        if insurer.get("required_controls"):
            rows.append(["The insurer requires", self._cell(", ".join(insurer["required_controls"]), 60)])
        for name, one in a["sla"].items():
            times = [("taken", "acknowledge_minutes"), ("contained", "contain_minutes"), ("settled", "resolve_minutes")]
            said = ", ".join(f"{words} within {one[key]} minutes" for words, key in times if one.get(key))
            rows.append([f"An alert that is {SEVERITIES.get(name, (name, ''))[0]}", said])
        who = {"msp": "we", "client": "you", "third_party": "somebody else"}
        rows += ["Who carries what"] if a["duties"] else []
        rows += [[self._cell(one["what"], 60), who.get(one["who"], one["who"])] for one in a["duties"]]
        rows += ["Whom we ask and tell"] if a["contacts"] else []
        rows += [[self._cell(one["name"]), CONTACT_ROLES.get(one["role"], one["role"])] for one in a["contacts"]]
        rows += ["Who acts in an incident"] if a["team"] else []
        for one in a["team"]:
            deputy = f"; stands in: {one['deputy']}" if one["deputy"] else ""
            rows.append([self._cell(one["who"]), f"{TEAM_ROLES.get(one['role'], one['role'])}{deputy}"])
        rows += ["What the agreement does not say yet"] if a["lacking"] else []
        rows += [["", self._cell(one, 60)] for one in a["lacking"]]
        yield self._part("What was agreed", ("What", "As it was agreed"), ("72mm", "1fr"), rows)

    def _connected(self) -> Part:
        rows = []
        for one in self._d["systems"]:
            words, look = {
                True: ("works", "good"),
                False: ("no access", "bad"),
                None: ("shows in use alone", "people"),
            }[one["works"]]
            why = "; ".join(part for part in (one["why"], *one["missing"][:3]) if part)
            rows.append([[piece("strong", self._cell(one["name"]))], [pill(words, look)], self._cell(why, 60)])
        return self._part("What is connected", ("System", "Our access", "What is wrong"), ("60mm", "44mm", "1fr"), rows)

    def _inventory(self) -> Part:
        rows = []
        for one in self._d["kinds"]:
            words, look = INVENTORY[one["state"]]
            number = f"{one['count']:,}" if one["state"] in ("looked", "partly") else ""
            number = f"at least {number}" if one["state"] == "partly" else number
            rows.append([one["title"], number, [pill(words, look)], self._cell("; ".join(one["why"]), 60)])
        lead = "The lists themselves are kept as evidence of this run, each with a digest in the record."
        return self._part(
            "What you have", ("What", "How many", "How far", "Why not"), ("50mm", "30mm", "62mm", "1fr"), rows, lead
        )

    def _found(self) -> Iterator[Part]:
        d, swept = self._d, self._d["sweep"]
        if swept["state"] != "done":
            line = "The search for an intruder was not carried out: whether there is one is not known."
            yield {"level": 1, "title": "What was found", "lines": [line]}
            return
        checks = swept["checks"]
        lead = (
            f"Logs were read from {day(swept['read_from'])} to {day(swept['read_until'])}. Of {sum(checks.values())} checks {checks.get('pass', 0)} found nothing, "
            f"{checks.get('fail', 0)} found something, {checks.get('unknown', 0)} could not look at everything, and {checks.get('nothing', 0)} had nothing of yours to look at."
        )
        rows: list[Any] = []
        if d["incidents"]:
            rows.append("Incidents that were opened")
            rows += [
                ["", [piece("strong", self._cell(one["entity"])), piece("small", one["runbook"].replace("_", " "))], [piece("small", "its run"), piece("code", one["run_id"])], ""]
                for one in d["incidents"]
            ]  # fmt: skip
            rows.append("Findings, the worst first")
        for one in d["findings"][:_MOST]:
            more = one["count"] - 3
            names = ", ".join(one["about"][:3]) + (f" and {more} more" if more > 0 else "")
            rows.append(
                [
                    [pill(*SEVERITIES[one["severity"]])],
                    [piece("strong", self._text(one["title"], 160)), piece("small", self._cell(names, 24))],
                    self._cell(one["summary"], 40),
                    self._cell(one["remedy"], 40),
                ]
            )
        if rows:
            yield self._part(
                "What was found",
                ("Weight", "What", "For example", "What to do"),
                ("30mm", "1.1fr", "1.3fr", "1.2fr"),
                rows,
                lead,
            )
        else:
            yield {
                "level": 1,
                "title": "What was found",
                "lead": lead,
                "lines": [_NOTHING if swept["saw"] else _UNSEEN],
            }
        if swept["incomplete"]:
            listed = [self._long(line) for line in swept["incomplete"]]
            yield {"level": 2, "title": "What this search could not look at", "list": listed}

    def _measures(self) -> Part:
        rows = []
        for one in self._d["policies"]:
            maps = "; ".join(f"{FRAMEWORKS[key]}: {', '.join(numbers)}" for key, numbers in one["maps"].items())
            more = one["about_total"] - 5
            about = f" ({', '.join(one['about'][:5])}{f' and {more} more' if more > 0 else ''})" if one["about"] else ""
            what = {"fail": one["remedy"], "unknown": "We look again as soon as we can.", "for_person": one["ask"]}.get(
                one["status"], ""
            )
            rows.append(
                [
                    [pill(*STATUSES[one["status"]])],
                    [piece("strong", self._text(one["title"], 200)), piece("text", self._text(one["plain"], 400)), piece("small", self._cell(f"{one['source']['title']}. {maps}", 40))],
                    self._cell(f"{one['why']}{about}", 30),
                    self._cell(what, 40),
                ]
            )  # fmt: skip
        lead = "What could not be seen is never called met. The numbers are those under which other frameworks ask for the same."
        head = ("Stands", "Measure", "How it stands", "What to do, or whom to ask what")
        return self._part("Protective measures", head, ("30mm", "1.7fr", "1fr", "1.1fr"), rows, lead)

    def _risks(self) -> Part:
        if not self._d["risks"]:
            return {"level": 1, "title": "Risk register", "lines": ["No risk is open."]}
        rows = [
            [
                [pill(*LEVELS[one["level"]])],
                [piece("strong", self._cell(one["title"], 40)), piece("small", self._cell(f"{one['id']} · {one['source']['kind']}: {one['detail']}"[:300], 40))],
                TREATMENTS[one["treatment"]] if one["treatment"] else "to be decided",
                self._cell(one["who"], 20),
                one["review_on"],
            ]
            for one in self._d["risks"][:_MOST]
        ]  # fmt: skip
        head = ("Level", "Risk", "What is done", "Who answers for it", "Looked at by")
        return self._part("Risk register", head, ("26mm", "1fr", "40mm", "42mm", "26mm"), rows)

    def _steps(self) -> Part:
        looks = {"failed": "bad", "unknown": "warn", "undo_failed": "bad", "changed": "good", "observed": "good", "already": "good"}  # fmt: skip
        rows = [
            [
                self._cell(f"{one['title']} ({one['item']})" if one["item"] else one["title"], 40),
                [pill(outcome_words(one["outcome"] or "", one["task"]), looks.get(one["outcome"] or "", "calm"))],
                day(one["finished_at"]) if one["finished_at"] else "",
                self._cell(one["error"], 50),
            ]
            for one in self._d["steps"][:_MOST]
        ]
        head = ("Step", "How it ended", "When", "What went wrong")
        return self._part("How the onboarding went, step by step", head, ("1fr", "52mm", "38mm", "1fr"), rows)
