"""The report's page. Everything from the log is escaped: attackers choose names, and this file is opened in a browser."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

from tenantry.sweep.model import SEVERITIES, Finding, Sweep, instant
from tenantry.sweep.report.picture import picture

__all__ = ["page"]

_MOST: Final = 500
_STYLE: Final = """
:root{--bg:#fff;--ink:#1b2733;--soft:#5b6b7a;--line:#d8e0e7;--card:#f6f8fa;--critical:#a3123a;--high:#d9480f;--medium:#b7791f;--low:#2b6cb0;--info:#718096}
@media(prefers-color-scheme:dark){:root{--bg:#12181f;--ink:#e6edf3;--soft:#9aa8b5;--line:#2c3742;--card:#1a222b;--critical:#ff6b8b;--high:#ff8c5a;--medium:#e0b04a;--low:#6cb2f2;--info:#93a1af}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 10px}p{margin:6px 0}.soft{color:var(--soft)}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0}.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 16px;min-width:110px}.tile b{display:block;font-size:22px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}th{color:var(--soft);font-weight:600;font-size:13px}
table.ranks td:first-child,table.ranks th:first-child{white-space:nowrap;overflow-wrap:normal;width:70px}table.ranks td:nth-child(2){width:44%}
details{border:1px solid var(--line);border-radius:8px;margin:8px 0;background:var(--card)}summary{cursor:pointer;padding:10px 14px;display:flex;gap:12px;align-items:baseline}summary>span:nth-child(2){flex:1;font-weight:600}
.body{padding:2px 14px 14px}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--bg);border:1px solid var(--line);border-radius:6px;padding:10px;font-size:12.5px;max-height:420px;overflow:auto}
.tag{font-size:12px;font-weight:700;text-transform:uppercase;min-width:66px}.t-critical{color:var(--critical)}.t-high{color:var(--high)}.t-medium{color:var(--medium)}.t-low{color:var(--low)}.t-info{color:var(--info)}
svg{width:100%;height:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .tick{fill:var(--soft);font-size:11px}.grid{stroke:var(--line)}.rail{stroke:var(--line)}.bar{fill:var(--soft)}
g.critical{fill:var(--critical)}g.high{fill:var(--high)}g.medium{fill:var(--medium)}g.low{fill:var(--low)}g.info{fill:var(--info)}
"""


def page(sweep: Sweep) -> str:
    """The whole file."""
    counts = {
        severity: sum(1 for one in sweep.findings if one.severity == severity) for severity in reversed(SEVERITIES)
    }
    span = (
        ""
        if sweep.first_event is None or sweep.last_event is None
        else f"{_time(sweep.first_event)} to {_time(sweep.last_event)} UTC"
    )
    tiles = [
        ("events", f"{sweep.events_read:,}"),
        *((name, str(count)) for name, count in counts.items() if count),
        ("rules", str(sweep.rules_evaluated)),
    ]
    if sweep.events_unreadable:
        tiles.append(("unreadable", f"{sweep.events_unreadable:,}"))
    shown = sweep.findings[:_MOST]
    more = len(sweep.findings) - len(shown)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>Sweep of {escape(sweep.source)} logs</title><style>{_STYLE}</style></head><body><main>",
            f'<h1>Sweep of {escape(sweep.source)} logs</h1><p class="soft">{escape(span)}</p>',
            '<div class="tiles">'
            + "".join(
                f'<div class="tile"><b class="t-{escape(name)}">{escape(value)}</b>{escape(name)}</div>'
                for name, value in tiles
            )
            + "</div>",
            "" if sweep.findings else "<p><b>No findings.</b> See below what could not be checked.</p>",
            picture(sweep),
            _entities(sweep),
            "<h2>Findings</h2>" if shown else "",
            *(_finding(one) for one in shown),
            f'<p class="soft">{more} more stand in the JSON.</p>' if more > 0 else "",
            _list("Could not check", ("check", "why"), sweep.could_not_check),
            _list(
                f"Rules that could not be evaluated ({len(sweep.rules_not_evaluated)})",
                ("rule", "why"),
                sweep.rules_not_evaluated[:_MOST],
            ),
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


def _list(title: str, keys: tuple[str, str], rows: list[dict[str, str]]) -> str:
    if not rows:
        return ""
    body = "".join(f"<tr><td>{escape(row[keys[0]])}</td><td>{escape(row[keys[1]])}</td></tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr><th>{keys[0]}</th><th>{keys[1]}</th></tr>{body}</table>"
