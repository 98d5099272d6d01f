"""The report on what the attacker did, what was found, and what people decided and wrote down."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.timeline.glyphs import breakable
from tenantry.timeline.model import Decision, Finding, Lane, Verdict
from tenantry.timeline.pdf_cells import (
    MAX_EVENTS,
    MAX_STEPS,
    Cell,
    Part,
    Piece,
    Section,
    cut_words,
    flags,
    outcome,
    piece,
    table,
    when,
)
from tenantry.timeline.words import human_name, moment, span

__all__ = ["Found"]


class Found(Section):
    """Turning points, attacker, findings, decisions, actions."""

    def turning(self) -> Part | None:
        """Turning points and durations."""
        t, text = self._t, self._text
        rows = [[m.label, moment(m.at), breakable(text(m.basis), 60)] for m in t.moments]
        rows += [
            [d.label, span(d.value) if d.value is not None else "not known", breakable(text(d.basis), 60)]
            for d in t.durations
        ]
        if not rows:
            return None
        drawn = table(("Turning point or duration", "When, how long", "Follows from"), ("62mm", "44mm", "1fr"), rows)
        return {"level": 1, "title": "Turning points and durations", "table": drawn, "apart": True}

    def attacks(self) -> Part | None:
        """The attacker's events."""
        attacks = [event for event in self._events if event.lane is Lane.ATTACKER]
        if not attacks:
            return None
        text = self._text
        rows = []
        for event in attacks[:MAX_EVENTS]:
            what = [piece("text", breakable(text(event.title, 400), 40))]
            if event.detail:
                what.append(piece("small", breakable(text(event.detail, 600), 40)))
            source = [piece("text", breakable(text(event.source, 120), 24))]
            if event.source_id:
                source.append(piece("code", breakable(text(event.source_id, 120), 20)))
            rows.append(
                [
                    when(event.at),
                    what + flags(event),
                    breakable(text(event.target, 300), 26),
                    source,
                    event.certainty,
                    ", ".join(event.techniques),
                ]
            )
        head = ("Time (UTC)", "What", "Account or object", "Source", "How sure", "ATT&CK")
        return {
            "level": 1,
            "title": "What the attacker did",
            "lead": "From the client's own logs, as the analysis steps reported them. Times are those of the logs, as UTC."
            + cut_words(len(attacks), "acts"),
            "table": table(head, ("36mm", "1fr", "48mm", "42mm", "17mm", "18mm"), rows),
        }

    def findings(self) -> Iterator[Part]:
        """What was found, by whose it is."""
        headings = (
            (Verdict.ATTRIBUTED, "Put down to the attacker"),
            (Verdict.FOR_PERSON, "Left for a person to judge"),
            (Verdict.KEPT, "Kept: the persons' own"),
        )
        if self._t.findings:
            yield {"level": 1, "title": "What was found, and whose it is"}
        for verdict, heading in headings:
            own = [finding for finding in self._t.findings if finding.verdict is verdict]
            if own:
                head = ("Kind", "What", "Account", "Why", "Log entries", "Then")
                rows = [self._finding(finding) for finding in own[:MAX_STEPS]]
                yield {
                    "level": 2,
                    "title": f"{heading} ({len(own):,})",
                    "lead": cut_words(len(own), "findings").strip(),
                    "table": table(head, ("22mm", "1fr", "46mm", "1fr", "38mm", "28mm"), rows),
                }

    def _finding(self, f: Finding) -> list[Cell]:
        text = self._text
        why = [piece("text", breakable(text(f.reason, 600), 40))]
        if f.confidence:
            why.append(piece("small", f"confidence {text(f.confidence, 40)}"))
        then: Cell = ""
        if f.verdict is Verdict.ATTRIBUTED:
            then = [outcome(f.result)] if f.result else "nothing recorded yet"
        ids = [piece("code", breakable(text(id, 100), 18)) for id in f.source_ids[:8]]
        return [
            breakable(text(human_name(f.kind), 60), 14),
            breakable(text(f.label, 400), 34),
            breakable(text(f.owner, 200), 24),
            why,
            ids or "",
            then,
        ]

    def decisions(self) -> Part | None:
        """What people were asked and answered."""
        if not self._t.decisions:
            return None
        head = ("Asked (UTC)", "Question", "Of whom", "Answers", "Result")
        rows = [self._decision(d) for d in self._t.decisions[:MAX_STEPS]]
        drawn = table(head, ("36mm", "1.3fr", "24mm", "1fr", "20mm"), rows)
        return {"level": 1, "title": "Decisions of people", "table": drawn}

    def _decision(self, d: Decision) -> list[Cell]:
        text = self._text
        question = [piece("text", breakable(text(d.question, 900), 50))]
        if d.item:
            question.append(piece("small", breakable(text(d.item, 300), 40)))
        question += [piece("small", f"because {breakable(text(reason, 400), 40)}") for reason in d.reasons[:10]]
        whom = [piece("text", text(human_name(d.role), 60))]
        if d.four_eyes:
            whom.append(piece("small", "four eyes"))
        return [when(d.asked_at), question, whom, self._answers(d) or "none yet", [self._result(d)]]

    def _answers(self, d: Decision) -> list[Piece]:
        text = self._text
        pieces = []
        for answer in d.answers[:20]:
            yes = answer["decision"] == "approve"
            word = ("yes" if yes else "no") if d.kind == "answer" else ("approved" if yes else "denied")
            method = f", proven by {text(str(answer['method']), 40)}" if answer.get("method") else ""
            pieces.append(piece("strong", breakable(f"{text(str(answer['by']), 120)}: {word}{method}", 40)))
            if answer.get("reason"):
                pieces.append(piece("text", breakable(text(str(answer["reason"]), 1_500), 40)))
            pieces.append(
                piece("small", f"{moment(answer['at'])}, {span(answer['at'] - d.asked_at)} after it was asked")
            )
        return pieces

    def _result(self, d: Decision) -> Piece:
        look = {"approved": "good", "denied": "bad", "expired": "warn"}.get(d.closed, "calm")
        words = {"": "open", "approved": "yes", "denied": "no"} if d.kind == "answer" else {"": "open"}
        return {**piece("pill", self._text(words.get(d.closed, d.closed), 20)), "look": look}

    def actions(self) -> Iterator[Part]:
        """What is to be done afterwards, as people wrote it down."""
        if self._t.kind not in ("incident", "disaster", "") or self._t.mode == "plan":
            return
        text = self._text
        phases = {row.step: row.phase for row in self._t.steps}
        asked = [d for d in self._t.decisions if phases.get(d.step) == "review"]
        title = "Review: root cause and actions"
        if not any(d.answers for d in asked):
            yield {"level": 1, "title": title, "lines": ["None is recorded so far: no person has closed the review."]}
            return
        rows: list[list[Cell]] = []
        for d in asked:
            for answer in d.answers:
                said = breakable(text(str(answer.get("reason") or "(nothing was written)"), 4_000), 80)
                who = [
                    piece("strong", breakable(text(str(answer["by"]), 120), 24)),
                    piece("small", moment(answer["at"])),
                ]
                rows.append([breakable(text(d.question, 900), 40), said, who])
        yield {
            "level": 1,
            "title": title,
            "lead": "In the words of the people who answered.",
            "table": table(("Asked", "Written down", "By"), ("70mm", "1fr", "46mm"), rows),
        }
