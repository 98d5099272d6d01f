"""`checks.host.remote_access_tool`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.hosts import SurveyedHost, host_surveys
from tasks.checks.host._remote_tools import TOOLS, RemoteTool, named
from tasks.checks.host._signs import base, hidden_place, shown
from tenantry.capabilities import HostSurvey
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding, Severity


class RemoteAccessTool(Check[SurveyedHost]):
    """A tool for remote access or a tunnel is here that is not the MSP's.

    ATT&CK T1219, T1572; CISA AA23-025A (malicious use of remote monitoring and management software). What the tenant's file names among its
    tools belongs here; a client may use others, which is theirs to say.
    """

    name = "checks.host.remote_access_tool"
    title = "A remote-access tool that is not ours"
    severity = "high"
    attack = ("T1219", "T1572")
    remedy = (
        "Ask the client; name the tool in the tenant's file if it belongs there, else isolate the host and remove it."
    )
    collect = host_surveys

    def evaluate(self, fact: SurveyedHost, look: Look) -> Iterable[Finding]:
        survey = fact.seen()
        seen: dict[RemoteTool, list[str]] = {}
        running: set[RemoteTool] = set()
        for tool, what, runs in _sightings(survey):
            seen.setdefault(tool, []).append(what)
            if runs:
                running.add(tool)
        for tool, where in seen.items():
            ours = tool.name in look.known.tools
            strange = [one for one in where if "out of a" in one]
            if ours and not strange:
                continue
            severity: Severity = "critical" if strange else "high" if tool in running else "medium"
            yield self.finding(
                ("host", fact.name),
                f"{tool.name}{' (a tunnel)' if tool.tunnel else ''}: {'; '.join(strange or where[:4])}",
                severity=severity,
                event_ids=(tool.name,),
                seen=where[:20],
                ours=ours,
            )
        fact.have("processes", "files", "packages")


def _sightings(survey: HostSurvey) -> Iterable[tuple[RemoteTool, str, bool]]:
    for process in survey.processes:
        title = process.arguments[0] if process.arguments else ""
        tool = named(base(process.executable)) or named(base(title)) or named(process.name)
        if tool is None and base(process.executable).startswith("java"):
            tool = next(
                (one for one in TOOLS if any(one.name in argument.lower() for argument in process.arguments[1:])), None
            )
        if tool is None and base(title) in ("code", "code-server") and "tunnel" in process.arguments[1:3]:
            tool = named("code-tunnel")
        if tool is not None:
            place = hidden_place(process.executable)
            waits = [one.local for one in survey.connections if process.pid in one.pids and one.state == "LISTEN"]
            yield (
                tool,
                f"process {process.pid} of {process.account} runs {process.executable or shown(title, 80)}"
                + (f" {place}" if place else "")
                + (f" and waits at {', '.join(waits[:3])}" if waits else ""),
                True,
            )
    for file in survey.files:
        if file.area == "unit":
            name = base(file.path).lower()
            for tool in TOOLS:
                if any(name.startswith(one) for one in tool.packages):
                    yield tool, f"the unit {file.path}", False
                    break
    for package in survey.packages:
        for tool in TOOLS:
            if any(
                package.lower() == one or package.lower().startswith((f"{one}-", f"{one}_")) for one in tool.packages
            ):
                yield tool, f"the package {package}", False
                break
