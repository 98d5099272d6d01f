"""A tenant that cannot be reached: one clear error, nothing half-done, and the run goes on when it is back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from integrations.lab import LabServer
from tenantry.run import Status
from tests.support.lab_stand import LabStand
from tests.support.stand import QUICK


async def test_says_unreachable_and_resumes_when_the_tenant_is_back(tmp_path: Path) -> None:
    lab = LabStand(tmp_path)
    lab.create()
    port = int(lab.server.base_url.rsplit(":", 1)[1])
    lab.server.stop()
    access = await lab.access()
    state = await lab.stand.engine(access, replace(QUICK, read_attempts=1)).run("run-1")
    await access.aclose()
    assert state.stopped is Status.PAUSED
    errors = {step["id"]: step["error"] for step in lab.stand.view()["steps"] if step["error"]}
    assert errors["account"]["code"] == "unreachable"
    assert errors["account"]["remedy"]
    assert lab.lab.audit == []
    lab.server = LabServer(lab.lab, port=port).start()
    assert (await lab.to_the_end()).ended is Status.COMPLETED
    lab.close()
