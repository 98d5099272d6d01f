"""All clients side by side as one self-contained page for the MSP: nothing is fetched, no script, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.baseline.page import COLOURS, STATUSES, legend
from tenantry.baseline.trend_picture import line
from tenantry.clock import parse_rfc3339
from tenantry.timeline.markup import Markup, h, join, long_text, pill, table
from tenantry.timeline.report_page import cover, report_page
from tenantry.timeline.words import clip

__all__ = ["html"]

_STYLE: Final = (
    ".picture text{font-size:12px}.picture .tick{fill:var(--soft);font-size:11.5px}.picture .on{fill:#fff}.plain{font-size:16px;max-width:80ch}"
    ".legend-svg{max-width:1000px;display:block;margin-top:8px}.legend-svg text{font-size:12px;fill:var(--soft)}"
)
_WIDE: Final = 1080
_ROW: Final = 22
_LEFT: Final = 220
_BAR: Final = 620
_MOST: Final = 40
"""Policies that are listed of those that fail somewhere."""
_NAMED: Final = 8
_STALE_DAYS: Final = 14
_MOVED: Final = {
    "new": ("first sweep", "calm"),
    "better": ("better", "good"),
    "worse": ("worse", "bad"),
    "same": ("the same", "none"),
}


def html(document: Mapping[str, Any]) -> str:
    """The whole file, of a document of :func:`tenantry.baseline.portfolio.portfolio`."""
    now = parse_rfc3339(document["at"])
    return report_page(
        "Compliance of all clients",
        _cover(document),
        _sections(document),
        style=_STYLE,
        foot=f"As of {now:%d %B %Y %H:%M} UTC · made by Tenantry",
    )


def _cover(document: Mapping[str, Any]) -> Markup:
    clients = document["clients"]
    failing = sum(bool(one["failing"]) for one in clients)
    worse = sum(one["direction"] == "worse" for one in clients)
    badges = [pill(f"{failing} with something not met", "bad" if failing else "good")]
    if worse:
        badges.append(pill(f"{worse} worse than before", "bad"))
    if document["never"]:
        badges.append(pill(f"{len(document['never'])} never looked at", "warn"))
    facts = [
        ("Clients", Markup(f"{len(clients) + len(document['never'])}")),
        ("As of", Markup(f"{parse_rfc3339(document['at']):%d %B %Y}")),
    ]
    return cover("Compliance portfolio", "Who stands how", "All clients", badges, facts)


def _sections(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Iterator[Markup]]]:
    yield "summary", "In short", _summary(document)
    yield "unlooked", "Who was not looked at", _unlooked(document)
    yield "picture", "All clients at a glance", _picture(document)
    yield "policies", "What fails at most clients", _policies(document)
    yield "clients", "Client by client", _clients(document)


def _summary(document: Mapping[str, Any]) -> Iterator[Markup]:
    clients = document["clients"]
    heavy = sum(bool(one["heavy"]) for one in clients)
    yield h(
        "p",
        f"Of {len(clients)} clients that were looked at, {sum(not one['failing'] for one in clients)} have nothing that is known not to be met, "
        f"and {heavy} {'has' if heavy == 1 else 'have'} something not met that weighs heavily.",
        class_="plain",
    )
    fell = [one["client"] for one in clients if one["fell"]]
    if fell:
        more = f" and {len(fell) - _NAMED} more" if len(fell) > _NAMED else ""
        yield h("p", f"Something fell at the last sweep at {', '.join(fell[:_NAMED])}{more}.", class_="plain")
    unseen = sum(bool(one["counts"].get("unknown")) for one in clients)
    if unseen:
        yield h("p", f"At {unseen} something could not be seen; none of that counts as met.", class_="plain")


def _unlooked(document: Mapping[str, Any]) -> Iterator[Markup]:
    rows: list[tuple[str, str, str]] = [
        (
            h("b", one["client"]),
            pill("never", "warn"),
            long_text(one["failed"]["why"] if one["failed"] else "no sweep yet"),
        )
        for one in document["never"]
    ]
    for one in document["clients"]:
        if one["failed"] or one["days"] > _STALE_DAYS:
            why = one["failed"]["why"] if one["failed"] else "no sweep since"
            rows.append((h("b", one["client"]), pill(f"{one['days']} days ago", "warn"), long_text(why)))
    if rows:
        yield h("p", "What stands here of these clients is not how they stand today.", class_="lead")
        yield table(("Client", "Looked at", "Why"), rows, ("30%", "14%", None))


def _picture(document: Mapping[str, Any]) -> Iterator[Markup]:
    clients = document["clients"]
    if not clients:
        return
    parts: list[Markup] = []
    for number, one in enumerate(clients):
        y = 4 + number * _ROW
        parts.append(h("text", clip(one["client"], 30), x=8, y=y + 15))
        asked = sum(count for status, count in one["counts"].items() if status != "not_applicable") or 1
        x = float(_LEFT)
        bars: list[Markup] = []
        for status, (_, look) in STATUSES.items():
            count = one["counts"].get(status, 0)
            if count and status != "not_applicable":
                wide = count / asked * _BAR
                bars.append(h("rect", x=x, y=y + 2, width=wide, height=_ROW - 6, fill=COLOURS[look]))
                if wide > 26:
                    bars.append(h("text", str(count), x=x + wide / 2, y=y + 14, text_anchor="middle", class_="on"))
                x += wide
        told = ", ".join(
            f"{one['counts'][status]} {words}" for status, (words, _) in STATUSES.items() if one["counts"].get(status)
        )
        parts.append(h("g", h("title", f"{one['client']}: {told}"), *bars))
        parts += line(
            [point["unmet"] for point in one["trend"]], x=_LEFT + _BAR + 20, y=y + 4, wide=110, high=_ROW - 10
        )
        parts.append(h("text", _MOVED[one["direction"]][0], x=_WIDE - 8, y=y + 15, text_anchor="end", class_="tick"))
    yield h(
        "p",
        "One row is one client, the worst first; the line shows what was not met from sweep to sweep.",
        class_="lead",
    )
    height = 8 + len(clients) * _ROW
    drawn = h("svg", *parts, viewBox=f"0 0 {_WIDE} {height}", role="img", aria_label="How each client stands; all of it stands in the table.", xmlns="http://www.w3.org/2000/svg", class_="picture")  # fmt: skip
    yield h("figure", drawn, class_="scroll", tabindex=0, role="group", aria_label="Picture of clients")
    yield h("div", legend(), class_="legend-svg")


def _policies(document: Mapping[str, Any]) -> Iterator[Markup]:
    names = {one["tenant"]: one["client"] for one in document["clients"]}
    failing = [one for one in document["policies"] if one["failing"]]
    rows = [
        (
            f"{len(one['failing'])}",
            join(h("b", one["title"]), h("br"), h("code", one["policy"])),
            one["criticality"],
            long_text(", ".join(names[tenant] for tenant in one["failing"]), 160),
            one["remedy"],
        )
        for one in failing[:_MOST]
    ]
    if rows:
        yield table(("Clients", "Requirement", "Weighs", "Who", "What to do"), rows, ("7%", "28%", "8%", "27%", None))
        if len(failing) > _MOST:
            yield h("p", f"{len(failing) - _MOST} more fail at some client; the CSV has all.", class_="lead")


def _clients(document: Mapping[str, Any]) -> Iterator[Markup]:
    titles = {one["policy"]: one["title"] for one in document["policies"]}
    rows = []
    for one in document["clients"]:
        counts = one["counts"]
        worst = "; ".join(titles[name] for name in one["failing"][:5])
        more = f"; {len(one['failing']) - 5} more" if len(one["failing"]) > 5 else ""
        rows.append(
            (
                join(h("b", one["client"]), h("br"), h("code", one["tenant"])),
                pill(*_MOVED[one["direction"]]),
                str(counts.get("fail", 0)),
                str(one["heavy"]),
                str(counts.get("unknown", 0)),
                str(counts.get("excepted", 0)),
                f"{one['days']} days ago" if one["days"] else "today",
                long_text(worst + more) if worst else "nothing",
            )
        )
    if rows:
        head = ("Client", "", "Not met", "Heavy", "Not known", "Excepted", "Looked at", "What is not met")
        yield table(head, rows, ("18%", "10%", "7%", "7%", "8%", "8%", "10%", None))
