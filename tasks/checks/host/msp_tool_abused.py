"""`checks.host.msp_tool_abused`"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._remote_tools import RemoteTool, named
from tasks.checks.host._signs import SHELLS, base, hidden_place, shown, sign_of_words
from tenantry.capabilities import Process
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity


class MspToolAbused(Check[SurveyedHost]):
    """An MSP's own tool starts what no engineer starts with it: a shell tied to a connection, a program out of a hidden place, another tool.

    ATT&CK T1072, T1219; CISA AA23-025A. That a tool starts shells and scripts is what it is for.
    """

    name = "checks.host.msp_tool_abused"
    title = "A remote-access tool starts what an intruder would"
    severity = "critical"
    attack = ("T1072", "T1219")
    remedy = "Look in the tool's console who ran it; if nobody did, run msp_tool_compromise."
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.seen()
        by_pid = {process.pid: process for process in survey.processes}
        calls = {
            pid for one in survey.connections if one.remote and not one.remote.startswith("127.") for pid in one.pids
        }
        for process in survey.processes:
            tool = _above(process, by_pid)
            if tool is None:
                continue
            command = " ".join(process.arguments)
            other = named(base(process.executable))
            what, severity = _odd(process, command, process.pid in calls, other, tool)
            if what:
                yield self.finding(
                    ("host", fact.name),
                    f"{tool.name} started process {process.pid} of {process.account}, which {what}: {shown(command)}",
                    severity=severity,
                    event_ids=(process.id,),
                    tool=tool.name,
                    ours=tool.name in look.known.tools,
                )
        fact.have("processes")


def _odd(
    process: Process, command: str, calls: bool, other: RemoteTool | None, tool: RemoteTool
) -> tuple[str, Severity]:
    found = sign_of_words(command)
    if found is not None:
        return found, "critical"
    if calls and base(process.executable) in SHELLS:
        return "is a shell that holds a connection", "critical"
    place = hidden_place(process.executable)
    if place is not None:
        return f"runs {place}", "high"
    if other is not None and other.name != tool.name:
        return f"is {other.name}, another tool for remote access", "high"
    return "", "info"


def _above(process: Process, by_pid: Mapping[int, Process]) -> RemoteTool | None:
    """The tool that a process was started by, directly or over others."""
    own = named(base(process.executable)) or named(process.name)
    parent = by_pid.get(process.parent)
    for _ in range(32):
        if parent is None or parent.pid <= 1:
            return None
        tool = named(base(parent.executable)) or named(parent.name)
        if tool is not None:
            return tool if own is None or own.name != tool.name else None
        parent = by_pid.get(parent.parent)
    return None
