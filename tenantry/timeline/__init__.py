"""Timelines of runs: what the attacker, people and the platform did, and the files it is handed over in."""

from tenantry.timeline.assemble import build, related
from tenantry.timeline.attacker import AttackerEvent
from tenantry.timeline.bundle import export_evidence
from tenantry.timeline.formats import FORMATS, Format, format_named
from tenantry.timeline.model import Lane, Timeline, TimelineEvent
from tenantry.timeline.stream import stream

__all__ = [
    "FORMATS",
    "AttackerEvent",
    "Format",
    "Lane",
    "Timeline",
    "TimelineEvent",
    "build",
    "export_evidence",
    "format_named",
    "related",
    "stream",
]
