"""Undoing an incident's run: what may come back comes back, the attacker's footholds do not, and each says why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenantry.run import Engine, Status
from tests.support.lab_stand import LabAccess, LabStand


@pytest.fixture
async def contained(tmp_path: Path) -> AsyncIterator[tuple[LabStand, LabAccess, Engine]]:
    lab = LabStand(tmp_path)
    lab.create(requester={"person": "bob", "proven": True, "via": "test"})
    access = await lab.access()
    engine = lab.stand.engine(access)
    state = await engine.run("run-1")
    assert state.stopped is Status.WAITING
    yield lab, access, engine
    await access.aclose()
    lab.close()


async def test_accounts_may_sign_in_again_and_the_attacker_gets_nothing_back(
    contained: tuple[LabStand, LabAccess, Engine],
) -> None:
    lab, access, engine = contained
    identity = await access.capability("identity")
    mail = await access.capability("mail")
    assert not (await identity.account(lab.account)).enabled
    writes = len(lab.lab.audit)
    state = await engine.undo("run-1", step=None, by={"person": "ann"})
    assert state.ended is Status.UNDONE
    assert (await identity.account(lab.account)).enabled
    assert not (await mail.forwarding(lab.account)).active
    assert {e["method"] for e in lab.lab.audit[writes:]} == {"PATCH"}
    for step in lab.stand.view()["steps"]:
        if step["id"] == "disable_sign_in":
            assert step["outcome"] == "undone"
        elif step["outcome"] == "changed":
            assert step["undo"]["why"], step["id"]
    # Repeatable: there is nothing left to put back.
    await engine.undo("run-1", step=None, by={"person": "ann"})
    assert len([e for e in lab.lab.audit[writes:] if e["method"] == "PATCH"]) == 2


async def test_a_foothold_comes_back_only_alone_and_approved_by_somebody_else(
    contained: tuple[LabStand, LabAccess, Engine],
) -> None:
    lab, access, engine = contained
    mail = await access.capability("mail")
    state = await engine.undo("run-1", step="clear_forwarding", by={"person": "bob"})
    assert not (await mail.forwarding(lab.account)).active
    gate = next(gate for gate in state.open_gates() if gate.step == "clear_forwarding")
    assert gate.request["four_eyes"]
    lab.stand.answer("run-1", "ann", steps=["clear_forwarding"], reason="it was theirs after all")
    await engine.undo("run-1", step="clear_forwarding", by={"person": "bob"})
    assert (await mail.forwarding(lab.account)).active
