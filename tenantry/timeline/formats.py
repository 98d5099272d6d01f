"""The formats a timeline can be exported to, by their names on the command line.

A format is a module with ``export(timeline, out) -> number of events``. A new one is a module and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from tenantry.errors import InvalidInput
from tenantry.timeline import (
    export_csv,
    export_html,
    export_iris,
    export_jsonl,
    export_md,
    export_ocsf,
    export_pdf,
    export_stix,
    export_timesketch,
)
from tenantry.timeline.model import Timeline

__all__ = ["FORMATS", "Format", "format_named"]


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    suffix: str
    """Of the file, with its dot."""
    export: Callable[[Timeline, BinaryIO], int]
    """Writes the timeline; returns the number of events written."""
    summary: str
    rows: bool = False
    """It is made of events alone, one after another: a streamed timeline (:mod:`tenantry.timeline.stream`) will do."""


FORMATS: Final[Mapping[str, Format]] = {
    format.name: format
    for format in (
        Format("html", ".html", export_html.export, "one self-contained page with pictures, to hand over"),
        Format("pdf", ".pdf", export_pdf.export, "the same report to print, sign and keep (PDF/A, tagged)"),
        Format("md", ".md", export_md.export, "the same report as Markdown"),
        Format("csv", ".csv", export_csv.export, "events for a spreadsheet, safe against formulas", rows=True),
        Format("jsonl", ".jsonl", export_jsonl.export, "events as JSON lines, unaltered", rows=True),
        Format("timesketch", ".timesketch.jsonl", export_timesketch.export, "events for Timesketch", rows=True),
        Format("stix", ".stix.json", export_stix.export, "a STIX 2.1 bundle with the Incident Core extension"),
        Format("ocsf", ".ocsf.jsonl", export_ocsf.export, "OCSF events as JSON lines, for a SIEM"),
        Format("iris", ".iris.csv", export_iris.export, "events for the timeline of DFIR-IRIS", rows=True),
    )
}


def format_named(name: str) -> Format:
    """Raises InvalidInput, naming the formats there are."""
    try:
        return FORMATS[name]
    except KeyError:
        raise InvalidInput(f"{name!r} is none of {', '.join(FORMATS)}", place="--format") from None
