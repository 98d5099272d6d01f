"""How clients stand, for other programs: CSV for spreadsheets, and OCSF Compliance Findings (class 2003, https://schema.ocsf.io/).

CSV: one policy of one client a row; cells as of the timelines, so that no spreadsheet acts on one. OCSF: one finding a line. How a
policy stands in our words is its ``compliance.status_code``; what OCSF has no field for stands in ``unmapped``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final

from tenantry import __version__
from tenantry.baseline.model import FRAMEWORKS
from tenantry.baseline.remembered import age_days
from tenantry.clock import parse_rfc3339
from tenantry.evidence import json_line
from tenantry.timeline.export_csv import Encoded, cell
from tenantry.timeline.export_ocsf import SCHEMA, ms

__all__ = ["COLUMNS", "to_csv", "to_ocsf"]

COLUMNS: Final = (
    *("tenant", "run_id", "looked_at", "baseline", "version", "policy", "title", "criticality", "status", "measured", "change"),
    *("since", "days", "why", "about", "about_total", "excepted_until", "answers_for_it", "remedy", "source"),
    *FRAMEWORKS,
)  # fmt: skip
_STATUS: Final = {
    "pass": (1, "Pass"),
    "excepted": (3, "Fail"),
    "fail": (3, "Fail"),
    "for_person": (2, "Warning"),
    "unknown": (0, "Unknown"),
    "not_applicable": (99, "not_applicable"),
}
"""OCSF's id and its caption. What somebody answers for fails all the same; a warning is a check without a result for want of information."""
_SEVERITY: Final = {"low": 2, "medium": 3, "high": 4}
_INFORMATIONAL: Final = 1
_CREATED, _UPDATED = 1, 2


def to_csv(documents: Iterable[Mapping[str, Any]], out: BinaryIO) -> int:
    """Write header and rows; returns how many.

    Args:
        documents: as `compliance.assess` keeps them, one a client.
    """
    writer = csv.writer(Encoded(out), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for document, of, one in _every(documents):
        held = one["exception"] or {}
        row: dict[str, Any] = {
            **{
                key: one[key]
                for key in ("policy", "title", "criticality", "status", "measured", "change", "since", "why")
            },
            "tenant": document["tenant"],
            "run_id": document["run_id"],
            "looked_at": of.get("at", document["at"]),
            "baseline": of["id"],
            "version": of["version"],
            "days": age_days(one, parse_rfc3339(document["at"])),
            "about": "; ".join(one["about"]),
            "about_total": one["about_total"],
            "excepted_until": held.get("until", ""),
            "answers_for_it": held.get("owner", ""),
            "remedy": one["remedy"],
            "source": one["source"]["title"],
            **{key: ", ".join(one["maps"].get(key, ())) for key in FRAMEWORKS},
        }
        writer.writerow([cell(row[name]) for name in COLUMNS])
        count += 1
    return count


def to_ocsf(documents: Iterable[Mapping[str, Any]], out: BinaryIO) -> int:
    """Write one finding a line; returns how many."""
    count = 0
    for document, of, one in _every(documents):
        out.write(json_line(_finding(document, of, one)))
        count += 1
    return count


def _every(
    documents: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    return ((document, of, one) for document in documents for of in document["baselines"] for one in of["policies"])


def _finding(document: Mapping[str, Any], of: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    at = ms(parse_rfc3339(of.get("at", document["at"])))
    uid = f"{document['tenant']}/{of['id']}/{one['policy']}"
    activity = _CREATED if one["change"] == "new" else _UPDATED
    bad = one["status"] in ("fail", "excepted")
    return {
        "category_uid": 2,
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "activity_id": activity,
        "type_uid": 2003 * 100 + activity,
        "time": at,
        "timezone_offset": 0,
        "severity_id": _SEVERITY[one["criticality"]] if bad else _INFORMATIONAL,
        "message": f"{one['title']}: {one['why']}",
        "metadata": {
            "version": SCHEMA,
            "uid": f"{uid}/{document['run_id']}",
            "tenant_uid": document["tenant"],
            "correlation_uid": document["run_id"],
            "product": {"name": "Tenantry", "vendor_name": "Tenantry", "uid": "tenantry", "version": __version__},
        },
        "finding_info": {
            "uid": uid,
            "title": one["title"],
            "desc": one["plain"],
            "created_time": ms(parse_rfc3339(one["since"])),
            "modified_time": at,
            "product_uid": "tenantry",
            "types": [of["id"]],
        },
        "compliance": {
            "control": one["policy"],
            "standards": [of["title"]],
            "requirements": [
                f"{FRAMEWORKS[key]} {number}" for key, numbers in one["maps"].items() for number in numbers
            ],
            "status_id": _STATUS[one["status"]][0],
            "status": _STATUS[one["status"]][1],
            "status_code": one["status"],
            "status_detail": one["why"],
        },
        "remediation": {"desc": one["remedy"]},
        "resources": [{"name": name} for name in one["about"]] or [{"name": document["tenant"]}],
        "unmapped": {
            **{
                key: one[key]
                for key in ("criticality", "measured", "change", "was", "about_total", "exception", "answered")
            },
            "source": one["source"]["title"],
            "baseline_version": of["version"],
        },
    }
