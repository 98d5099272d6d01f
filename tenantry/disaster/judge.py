"""Whether an answer is that of a working system. Pure: a probe and what was answered in, a verdict out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.probing import ProbeAnswer
from tenantry.disaster.probes import CommandProbe, DnsProbe, HttpProbe, SqlProbe, TcpProbe, name_of

__all__ = ["Verdict", "judged"]

_SHOWN: Final = 120


class Verdict(BaseModel):
    """One look of one check."""

    model_config = ConfigDict(extra="forbid")

    check: str
    holds: bool | None
    """None: it could not be asked, which is neither."""
    said: str
    """What was answered instead; what is told of an answer is cut, and its line ends are taken out."""


def judged(probe: BaseModel, answer: ProbeAnswer, now: datetime) -> Verdict:
    """A verdict over one answer."""
    if answer.rehearsed:
        return Verdict(check=name_of(probe), holds=True, said="rehearsed: a drill asks nothing outside of the lab")
    if not answer.asked:
        return Verdict(check=name_of(probe), holds=None, said=answer.error)
    wrong = answer.error or _wrong(probe, answer, now)
    return Verdict(check=name_of(probe), holds=not wrong, said=wrong or "as it should")


def _wrong(probe: BaseModel, answer: ProbeAnswer, now: datetime) -> str:
    if isinstance(probe, HttpProbe):
        return _http(probe, answer, now)
    if isinstance(probe, TcpProbe):
        if probe.expects is not None and not answer.text.startswith(probe.expects):
            return f"who answers says {_cut(answer.text)!r} first"
        return ""
    if isinstance(probe, DnsProbe):
        found = set(answer.text.split())
        return "" if found == set(probe.addresses) else f"it resolves to {_cut(answer.text) or 'nothing'}"
    if isinstance(probe, CommandProbe):
        if answer.status != probe.status:
            return f"ended with {answer.status}: {_cut(answer.text)!r}"
        if probe.contains is not None and probe.contains not in answer.text:
            return f"its output lacks {probe.contains!r}"
        return ""
    if isinstance(probe, SqlProbe):
        value = answer.text.strip()
        if probe.equals is not None:
            return "" if value == probe.equals else f"the value is {_cut(value)!r} and not {probe.equals!r}"
        try:
            number = int(value)
        except ValueError:
            return f"the value is {_cut(value)!r} and no number"
        least = probe.at_least or 0
        return "" if number >= least else f"the value is {number} and less than {least}"
    return "this kind of check is not judged"


def _http(probe: HttpProbe, answer: ProbeAnswer, now: datetime) -> str:
    if answer.status not in probe.status:
        return f"status {answer.status}"
    for text in probe.lacks:
        if text in answer.text:
            return f"status {answer.status}, and the page of an error: it has {text!r}"
    if probe.contains not in answer.text:
        return f"status {answer.status}, and not the page that was expected: it lacks {probe.contains!r}"
    if probe.certificate_days is not None:
        if answer.certificate_until is None:
            return "its certificate could not be read"
        if answer.certificate_until - now < timedelta(days=probe.certificate_days):
            return f"its certificate ends on {answer.certificate_until.date().isoformat()}"
    return ""


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else flat[:_SHOWN] + "…"
