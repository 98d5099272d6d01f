"""A host that waits for security updates is mended from the finding: planned first, approved, and nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.complying import mending
from flows.recording import prepare
from tenantry.errors import Conflict
from tenantry.run import Status
from tests.support.taken_on import Client, client

POLICY = "linux_foundations/security_updates"
REQUESTER: dict[str, Any] = {"person": None, "proven": False, "via": "test"}


def begin(acme: Client, runbook: str, params: dict[str, Any], mode: str = "run") -> str:
    return prepare(acme.installation, runbook, acme.name, params, mode, REQUESTER, None)


async def test_planned_approved_and_installed(tmp_path: Path) -> None:
    with client(
        tmp_path, scenario="compromised_host", kept=("m365/client-secret", "sink/token", "cloud/token")
    ) as acme:
        await acme.carry(begin(acme, "compliance_sweep", {"baselines": ["linux_foundations"]}))
        runbook, params = mending(acme.installation, acme.name, POLICY)
        assert runbook == "mend_updates"
        hosts = acme.lab.tenant.hosts
        waiting = {name for name, host in hosts.items() if any(one.security for one in host.updates.values())}
        assert set(params["hosts"]) == waiting != set()

        planned = await acme.carry(begin(acme, runbook, params, "plan"))
        assert {step["outcome"] for step in acme.installation.view(planned.run_id)["steps"]} == {"would_change"}
        assert all(hosts[name].updates for name in waiting)

        run = begin(acme, runbook, params)
        await acme.carry(run)
        assert {step for step, _ in acme.waits(run)} == {"install"}
        acme.answer_all(run)
        assert (await acme.carry(run)).ended is Status.COMPLETED, acme.installation.view(run)["steps"]
        assert not [one for name in waiting for one in hosts[name].updates.values() if one.security]

        await acme.carry(begin(acme, "compliance_sweep", {"baselines": ["linux_foundations"]}))
        with pytest.raises(Conflict, match="did not fail"):
            mending(acme.installation, acme.name, POLICY)
