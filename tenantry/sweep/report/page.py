"""The report's page. Everything from the log is escaped: attackers choose names, and this file is opened in a browser."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from tenantry.sweep.check import STATUSES
from tenantry.sweep.model import SEVERITIES, Finding, Sweep, instant
from tenantry.sweep.report.picture import picture
from tenantry.sweep.report.words import STATUS_WORDS, by_reason, first_sentences

__all__ = ["page"]

_MOST: Final = 500
_STYLE: Final = """
:root{--bg:#fff;--ink:#1b2733;--soft:#5b6b7a;--line:#d8e0e7;--card:#f6f8fa;--critical:#a3123a;--high:#d9480f;--medium:#b7791f;--low:#2b6cb0;--info:#718096}
@media(prefers-color-scheme:dark){:root{--bg:#12181f;--ink:#e6edf3;--soft:#9aa8b5;--line:#2c3742;--card:#1a222b;--critical:#ff6b8b;--high:#ff8c5a;--medium:#e0b04a;--low:#6cb2f2;--info:#93a1af}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 10px}p{margin:6px 0}.soft{color:var(--soft)}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0}.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 16px;min-width:110px}.tile b{display:block;font-size:22px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}th{color:var(--soft);font-weight:600;font-size:13px}
th,.tag,table.since td:first-child{white-space:nowrap;overflow-wrap:normal}
table.ranks td:first-child,table.ranks th:first-child{white-space:nowrap;overflow-wrap:normal;width:70px}table.ranks td:nth-child(2){width:44%}
details{border:1px solid var(--line);border-radius:8px;margin:8px 0;background:var(--card)}summary{cursor:pointer;padding:10px 14px;display:flex;gap:12px;align-items:baseline}summary>span:nth-child(2){flex:1;font-weight:600}
.body{padding:2px 14px 14px}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--bg);border:1px solid var(--line);border-radius:6px;padding:10px;font-size:12.5px;max-height:420px;overflow:auto}
.tag{font-size:12px;font-weight:700;text-transform:uppercase;min-width:66px}.t-critical{color:var(--critical)}.t-high{color:var(--high)}.t-medium{color:var(--medium)}.t-low{color:var(--low)}.t-info{color:var(--info)}
svg{width:100%;height:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .tick{fill:var(--soft);font-size:11px}.grid{stroke:var(--line)}.rail{stroke:var(--line)}.bar{fill:var(--soft)}
g.critical{fill:var(--critical)}g.high{fill:var(--high)}g.medium{fill:var(--medium)}g.low{fill:var(--low)}g.info{fill:var(--info)}
.warn{border:1px solid var(--medium);border-radius:8px;padding:8px 14px;margin:14px 0}td.s-fail{color:var(--critical);font-weight:600}td.s-unknown{color:var(--medium);font-weight:600}td.s-accepted,td.s-not_applicable{color:var(--soft)}
table.checks td:first-child{white-space:nowrap;width:170px}table.checks td:last-child{white-space:nowrap;text-align:right;padding-right:0}
"""


def page(sweep: Sweep, *, title: str | None = None, document: Mapping[str, Any] | None = None) -> str:
    """The whole file.

    Args:
        title: the client, of a live sweep.
        document: of a live sweep, `tenantry.sweep.remembered.document`.
    """
    counts = {
        severity: sum(1 for one in sweep.findings if one.severity == severity) for severity in reversed(SEVERITIES)
    }
    span = (
        ""
        if sweep.first_event is None or sweep.last_event is None
        else f"{_time(sweep.first_event)} to {_time(sweep.last_event)} UTC"
    )
    heading = f"Sweep of {sweep.source} logs" if title is None else f"Sweep for a compromise: {title}"
    if document is not None and sweep.window is not None:
        span = f"{_time(sweep.window[0])} to {_time(sweep.window[1])} UTC · run {document['run_id']}"
    tiles = [
        ("events" if document is None else "log records", f"{sweep.events_read:,}"),
        *((name, str(count)) for name, count in counts.items() if count),
        ("rules", str(sweep.rules_evaluated)),
    ]
    statuses = Counter(check["status"] for check in sweep.checks)
    tiles += [(f"checks {STATUS_WORDS[status]}", str(statuses[status])) for status in STATUSES if statuses[status]]
    if sweep.events_unreadable:
        tiles.append(("unreadable", f"{sweep.events_unreadable:,}"))
    shown = sweep.findings[:_MOST]
    more = len(sweep.findings) - len(shown)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(heading)}</title><style>{_STYLE}</style></head><body><main>",
            f'<h1>{escape(heading)}</h1><p class="soft">{escape(span)}</p>',
            '<div class="tiles">'
            + "".join(
                f'<div class="tile"><b class="t-{escape(name)}">{escape(value)}</b>{escape(name)}</div>'
                for name, value in tiles
            )
            + "</div>",
            "" if sweep.findings else "<p><b>No findings.</b> See below what could not be checked.</p>",
            *(f"<p>{escape(line)}</p>" for line in (first_sentences(document) if document is not None else ())),
            picture(sweep) if sweep.findings or document is None else "",
            _entities(sweep),
            "<h2>Findings</h2>" if shown else "",
            *(_finding(one) for one in shown),
            f'<p class="soft">{more} more stand in the JSON.</p>' if more > 0 else "",
            _since(sweep, document) if document is not None else "",
            _accepted(sweep),
            _list("Could not check", ("check", "why"), by_reason(sweep.could_not_check)),
            _list(
                f"Rules that could not be evaluated ({len(sweep.rules_not_evaluated)})",
                ("rule", "why"),
                sweep.rules_not_evaluated[:_MOST],
            ),
            _checks(sweep),
            "</main></body></html>",
        ]
    )


def _time(seconds: float) -> str:
    return instant(seconds)[:19].replace("T", " ")


def _entities(sweep: Sweep) -> str:
    if not sweep.entities:
        return ""
    rows = []
    for one in sweep.entities[:25]:
        because = ", ".join(
            f"{part['rule']} {part['points']:g}" + (f" (through {part['through']})" if "through" in part else "")
            for part in one["because"][:8]
        )
        rows.append(
            f"<tr><td><b>{one['score']:g}</b></td><td>{escape(one['id'])}<br><span class='soft'>{escape(one['type'])}</span></td><td>{escape(because)}</td></tr>"
        )
    return (
        "<h2>Entities, the worst first</h2><table class='ranks'><tr><th>score</th><th>entity</th><th>made of</th></tr>"
        + "".join(rows)
        + "</table>"
    )


def _finding(one: Finding) -> str:
    evidence: dict[str, Any] = {key: value for key, value in one.as_dict()["evidence"].items() if key != "summary"}
    links = ", ".join(escape(id) for id in one.attack)
    return (
        f'<details><summary><span class="tag t-{one.severity}">{one.severity}</span><span>{escape(one.title)}</span>'
        f'<span class="soft">{escape(one.entity["id"][-60:])}</span><span class="soft">{_time(one.first_seen)}</span></summary><div class="body">'
        f"<p>{escape(str(one.evidence.get('summary', '')))}</p><p><b>Do:</b> {escape(one.remedy)}</p>"
        f'<p class="soft">{escape(one.rule)} · {links} · {one.count} events, {_time(one.first_seen)} to {_time(one.last_seen)}</p>'
        f"<pre>{escape(json.dumps(evidence, indent=1, ensure_ascii=False, default=str)[:6000])}</pre>"
        f'<p class="soft">Event ids: {escape(", ".join(one.event_ids[:20]))}{" …" if len(one.event_ids) > 20 else ""}</p></div></details>'
    )


def _since(sweep: Sweep, document: Mapping[str, Any]) -> str:
    """What is new, changed, gone and not looked at."""
    since = document["since_last"]
    if not since["at"]:
        return ""
    by_id = {one.id: one for one in sweep.findings}
    rows = [
        (words, one.severity, one.title, one.entity["id"], "")
        for key, words in (("new", "new"), ("changed", "changed"))
        for one in (by_id[name] for name in since[key] if name in by_id)
    ]
    rows += [
        (words, one["severity"], one["title"], one["entity"]["id"], one["why"])
        for key, words in (("gone", "gone"), ("not_looked_at", "not looked at"))
        for one in since[key]
    ]
    told = f'<h2>Since the sweep before</h2><p class="soft">{escape(since["at"][:16].replace("T", " "))} UTC, run {escape(since["run_id"])}</p>'
    if not rows:
        return f"{told}<p>Nothing changed.</p>"
    body = "".join(
        f'<tr><td>{escape(words)}</td><td><span class="tag t-{severity}">{severity}</span></td><td>{escape(title)}</td><td>{escape(entity)}</td><td>{escape(why)}</td></tr>'
        for words, severity, title, entity, why in rows[:_MOST]
    )
    return f"{told}<table class='since'><tr><th>what</th><th>severity</th><th>finding</th><th>entity</th><th>why</th></tr>{body}</table>"


def _accepted(sweep: Sweep) -> str:
    """Findings that somebody answers for."""
    if not sweep.accepted:
        return ""
    body = "".join(
        f'<tr><td><span class="tag t-{one.severity}">{one.severity}</span></td><td>{escape(one.title)}</td><td>{escape(one.entity["id"])}</td>'
        f"<td>{escape(told['by'])}</td><td>{escape(told['until'][:10])}</td><td>{escape(told['reason'])}</td></tr>"
        for one, told in sweep.accepted[:_MOST]
    )
    return f"<h2>Accepted</h2><table><tr><th>severity</th><th>finding</th><th>entity</th><th>by</th><th>until</th><th>why</th></tr>{body}</table>"


def _checks(sweep: Sweep) -> str:
    """Every check and how it ended, the worst first."""
    if not sweep.checks:
        return ""
    ordered = sorted(sweep.checks, key=lambda one: (STATUSES.index(one["status"]), one["check"]))
    body = "".join(
        f'<tr><td class="s-{one["status"]}">{STATUS_WORDS[one["status"]]}</td><td>{escape(one["title"])}<br><span class="soft">{escape(one["check"])}</span></td><td>{one["looked_at"]:,}</td></tr>'
        for one in ordered
    )
    return f"<h2>Every check, and how it ended</h2><table class='checks'><tr><th>how it ended</th><th>what is looked for</th><th>looked at</th></tr>{body}</table>"


def _list(title: str, keys: tuple[str, str], rows: list[dict[str, str]]) -> str:
    if not rows:
        return ""
    body = "".join(f"<tr><td>{escape(row[keys[0]])}</td><td>{escape(row[keys[1]])}</td></tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr><th>{keys[0]}</th><th>{keys[1]}</th></tr>{body}</table>"
