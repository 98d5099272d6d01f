from __future__ import annotations

from typing import Any

import pytest

from tasks._jobs import still_open
from tenantry.capabilities import BackupJob
from tenantry.errors import CannotCheck, NotVerified
from tenantry.task import Change

CHANGES = [Change(path="x", before=False, after=True)]


def job(state: Any) -> BackupJob:
    times: dict[str, Any] = {"started_at": None, "ended_at": None, "raw": {}}
    return BackupJob(id="j", action="restore", state=state, source="p", result=None, message="", **times)


@pytest.mark.parametrize(("state", "left"), [("pending", CHANGES), ("running", CHANGES), ("completed", [])])
def test_it_is_waited_for_until_it_is_completed(state: str, left: list[Change]) -> None:
    assert still_open(job(state), "the restore", CHANGES) == left


@pytest.mark.parametrize("state", ["partial", "failed", "aborted"])
def test_what_ended_otherwise_is_not_done(state: str) -> None:
    with pytest.raises(NotVerified, match=f"the restore ended as {state}: no reason was given"):
        still_open(job(state), "the restore", CHANGES)


def test_what_cannot_be_found_is_not_called_failed() -> None:
    with pytest.raises(CannotCheck):
        still_open(None, "the restore", CHANGES)
