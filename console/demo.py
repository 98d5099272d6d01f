"""The demonstration: a business email compromise on the lab tenant, from the first call to the exported timeline.

Everything is real but the tenant: the Prefect server, the worker process that is killed with SIGKILL half-way, the resumed
run, the approvals with one-time codes, the record. The lab plays Microsoft 365 over HTTP, and its audit is what the result
is checked against: every change exactly once, nothing innocent touched.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from console.cli import echo_json
from console.follow import Follower
from console.labtenant import APPROVER, ENGINEER, LEAD, codes, lab_for, register
from console.record import bundle
from tenantry.errors import InvalidInput, NotAuthenticated, StepError

if TYPE_CHECKING:
    from flows.assembly import Installation
    from flows.server import Server
    from integrations.lab import Lab
    from tenantry.run import Gate, RunState

__all__ = ["DemoFailed", "main"]

TENANT: Final = "demo"
RUNBOOK: Final = "business_email_compromise"
_BY_ROLE: Final = {"approver": APPROVER, "lead": LEAD, "engineer": ENGINEER}
_KILL_AFTER_EFFECTS: Final = 5
"""Effects made before the worker is killed: in the middle of containment and mitigation."""
_ROUNDS: Final = 12


class DemoFailed(StepError):
    """The demonstration did not end as it must."""

    code = "demo_failed"
    remedy = "Report this with the run's record: `tenantry evidence export RUN -o DIR`."


def main(output: Path, *, as_json: bool) -> int:
    """Run the demonstration.

    Args:
        output: folder for the timeline and the evidence; made when missing. A home of the demonstration's own lies in it,
            unless TENANTRY_HOME names one.

    Returns:
        the exit code.

    Raises:
        InvalidInput: the folder holds something else.
        DemoFailed: the run did not complete, or the lab's audit says that something was done twice or to an innocent.
    """
    from flows.assembly import Installation
    from flows.launch import server
    from integrations.lab import LabServer
    from tenantry.home import Home

    output = _prepare(output.absolute())
    home = Home.locate() if os.environ.get("TENANTRY_HOME") else Home(output / "home")
    os.environ["TENANTRY_HOME"] = str(home.path)
    with Installation.open(home) as installation:
        lab = lab_for(TENANT)
        with LabServer(lab) as served:
            _say(1, f"a lab tenant with {lab.users} users answers at {served.base_url}")
            register(installation, TENANT, served.base_url, lab)
            _say(2, "starting the Prefect server (its first start builds a database)")
            with server(installation) as running:
                state = _incident(installation, running, lab)
        _say(6, "writing the timeline and the evidence")
        written = bundle(installation, state, output / "evidence")
        timeline = output / "timeline.html"
        shutil.copyfile(written.folder / "timeline" / "timeline.html", timeline)
        audit = output / "lab-audit.json"
        audit.write_text(json.dumps(lab.audit, indent=1), encoding="utf-8")
        _check(state, lab)
        _say(7, f"every change was made exactly once, nothing innocent was touched: {len(lab.audit)} writes")
        if as_json:
            echo_json(
                {
                    "run": installation.view(state.run_id, live=False),
                    "timeline": str(timeline),
                    "evidence": str(written.folder),
                    "lab_audit": str(audit),
                    "home": str(home.path),
                }
            )
        else:
            sys.stdout.write(f"\nThe timeline: {timeline}\nThe evidence: {written.folder}\nThe record:   {home.path}\n")
    return 0


def _incident(installation: Installation, running: Server, lab: Lab) -> RunState:
    """The run: begun, killed, resumed, answered, completed."""
    from flows import launch

    account = str(lab.scenario_info()["compromised"][0])
    run_id = launch.prepare(
        installation,
        RUNBOOK,
        TENANT,
        {"account": account},
        "run",
        {"person": None, "name": "the demonstration", "proven": False, "via": "demo"},
    )
    _say(3, f"an incident is opened for {account}: run {run_id}")
    _until_killed(installation, running, run_id)
    _say(4, "the worker was killed with SIGKILL in the middle; resuming the run from its record")
    with Follower() as follow:
        state = launch.resume(installation, run_id, follow=follow)
        for _ in range(_ROUNDS):
            if state.ended is not None or not state.open_gates():
                break
            _answer(installation, state)
            state = launch.resume(installation, run_id, follow=follow)
    return state


def _until_killed(installation: Installation, running: Server, run_id: str) -> None:
    """Begin the run, and kill the process that executes it once some effects are made and others are under way."""
    from flows import launch
    from tenantry import tether

    flow_run_id = asyncio.run(launch.schedule(installation, installation.state(run_id)))
    child = launch.execute(installation, running, flow_run_id)
    seen = 0
    with Follower() as follow:
        while child.poll() is None:
            records = installation.journal.records(run_id)
            state = installation.state(run_id)
            for record in records[seen:]:
                follow(state, record)
            seen = len(records)
            if sum(record.event == "step.intent" for record in records) >= _KILL_AFTER_EFFECTS:
                child.send_signal(signal.SIGKILL)
                child.wait()
                break
            follow(state, None)
            time.sleep(0.02)
    if child.returncode != -signal.SIGKILL:
        raise DemoFailed(f"the worker ended by itself (code {child.returncode}) before it could be killed")
    tether.stop(child)


def _answer(installation: Installation, state: RunState) -> None:
    """Answer every open question with yes, each as somebody with the role, proven with a one-time code."""
    from tenantry.decisions import decide_all, prove

    by_person: dict[str, list[Gate]] = {}
    for gate in state.open_gates():
        by_person.setdefault(_BY_ROLE[gate.request["role"]], []).append(gate)
    for person, gates in by_person.items():
        _say(5, f"{person} answers {', '.join(dict.fromkeys(gate.step for gate in gates))}")
        proof = None
        deadline = time.monotonic() + 95
        while proof is None:
            for code in codes(installation, person, datetime.now(UTC)):
                try:
                    proof = prove(installation.journal, installation.people, state, person, code)
                    break
                except NotAuthenticated:
                    if time.monotonic() > deadline:
                        raise
            else:
                time.sleep(3)  # every code of now was used: the next one comes within 30 s
        reason = "the demonstration says yes"
        decide_all(installation.journal, installation.people, state, gates, proof, "approve", reason)


def _check(state: RunState, lab: Lab) -> None:
    status = state.status(live=False).value
    if status != "completed":
        raise DemoFailed(f"the run {state.run_id} ended as {status}")
    twice = [write for write, count in Counter(_write(entry) for entry in lab.audit).items() if count > 1]
    if twice:
        raise DemoFailed(f"done more than once: {', '.join(map(str, twice))}")
    touched = lab.innocent_touched()
    if touched:
        raise DemoFailed(f"innocent and touched: {', '.join(str(entry['target']) for entry in touched)}")
    if state.attempt < 2:
        raise DemoFailed("the run was not resumed")


def _write(entry: Mapping[str, Any]) -> str:
    return f"{entry['service']} {entry['method']} {entry['target']} {json.dumps(entry['after'], sort_keys=True)}"


def _prepare(output: Path) -> Path:
    """An earlier demonstration's results make place; anything else does not."""
    results = ("timeline.html", "evidence", "lab-audit.json", "home")
    if output.exists():
        if not output.is_dir() or any(entry.name not in results for entry in output.iterdir()):
            raise InvalidInput(f"{output} holds something else", place="-o", remedy="Name a new or empty folder.")
        for name in results[:3]:
            old = output / name
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)
    output.mkdir(parents=True, exist_ok=True)
    output.chmod(0o700)
    return output


def _say(step: int, text: str) -> None:
    sys.stderr.write(f"[{step}/7] {text}\n")
    sys.stderr.flush()
