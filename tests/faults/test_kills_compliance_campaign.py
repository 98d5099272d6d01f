"""A compliance campaign over 100 clients of 50 users, killed by SIGKILL again and again: none is lost, those who were swept are not swept again,
throttled ones are whole, and the three that cannot be reached are named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.compliance.campaign import faults, labs_process
from flows import campaign
from flows.assembly import Installation
from flows.complying import RUNBOOK, assessment_of
from tenantry.home import Home

COUNT: Final = int(os.environ.get("TENANTRY_CAMPAIGN_CLIENTS", "100"))
AWAY: Final = 3
SLOW: Final = 10
"""Every so many-th is throttled."""


def told(installation: Installation, run_id: str) -> dict[str, str]:
    """Policy of Entra ID → how it stands."""
    document = assessment_of(installation, installation.state(run_id))
    assert document is not None
    found = [of["policies"] for of in document["baselines"] if of["id"] == "scuba_entra"]
    return {one["policy"]: one["status"] for policies in found for one in policies}


def started(arguments: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from console.main import main; main()", "campaign", *arguments, "--json"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_a_hundred_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    Home.locate().ensure()
    with Installation.open() as installation, labs_process(installation, COUNT, away=AWAY) as labs:
        clients = list(labs)
        away, slow = clients[-AWAY:], clients[:-AWAY:SLOW]
        for name in slow:
            faults(labs[name], throttle_rate=0.3, retry_after_s=1, seed=3)
        environment = dict(os.environ)
        done: dict[str, int] = {}
        arguments = ["start", RUNBOOK, "--all"]
        campaign_id = ""

        def children() -> dict[str, campaign.Child]:
            nonlocal campaign_id
            found = campaign.campaigns(installation)
            campaign_id = next(iter(found), "")
            return dict(found[campaign_id].children) if found else {}

        for share in (0.05, 0.3, 0.6):
            child = started(arguments, environment)
            while sum(one.done for one in children().values()) < share * COUNT:
                assert child.poll() is None, "it ended before it could be killed"
                time.sleep(0.05)
            child.send_signal(signal.SIGKILL)
            child.communicate()
            for one in children().values():
                if one.done:
                    done.setdefault(one.tenant, len(installation.journal.records(one.run_id)))
            arguments = ["resume", campaign_id]
        assert share * COUNT <= len(done) < COUNT - AWAY
        shown: dict[str, Any] = {}
        for _ in range(3):  # whose run was owned by the killed process may have to be taken up once more
            child = started(arguments, environment)
            shown = json.loads(child.communicate()[0])
            if shown["counts"] == {"completed": COUNT - AWAY, "paused_by_failed_step": AWAY}:
                break
        assert shown["counts"] == {"completed": COUNT - AWAY, "paused_by_failed_step": AWAY}
        assert shown["unreachable"] == away
        assert len(campaign.campaigns(installation)) == 1
        runs = {row["tenant"]: row["run_id"] for row in shown["tenants"]}
        assert {one.run_id for one in installation.journal.runs()} == set(runs.values()), "nobody was begun twice"
        for name, entries in done.items():
            assert len(installation.journal.records(runs[name])) == entries, f"{name} was swept again"
        expected = told(installation, runs[clients[1]])
        assert {"pass", "fail"} <= set(expected.values()) <= {"pass", "fail", "not_applicable", "for_person"}
        for name in clients[:-AWAY]:
            assert told(installation, runs[name]) == expected, name
        assert installation.journal.verify().ok
