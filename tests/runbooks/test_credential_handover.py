"""A credential that a person makes: proven before it is used, the old one tried until it is refused; the lab's sink plays the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tasks.credentials.prove_credential as proving
import tasks.credentials.prove_old_dead as refusing
from console import labtenant
from integrations.lab import Lab, LabServer
from tests.console.desk import TENANT, Desk, carry, desk

__all__ = ["desk"]

CREDENTIAL = "messages/token"
CANDIDATE = f"rotations/{CREDENTIAL}"


@pytest.fixture
def lab(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr("flows.launch.resume", carry)
    monkeypatch.setattr(proving, "_PAUSES", (0.0,))
    monkeypatch.setattr(refusing, "_PAUSES", (0.0,))
    made = labtenant.lab_for(TENANT, scenario="quiet", users=20)
    with LabServer(made) as server:
        desk.register(server.base_url, made)
        yield made


def begin(desk: Desk) -> str:
    run = desk.json("run", "credential_handover", "--tenant", TENANT, "-p", f"provider={CREDENTIAL}", code=3)
    assert run["waiting_for"][0]["step"] == "ask"
    return str(run["run_id"])


def answer(desk: Desk, run: str, step: str) -> None:
    desk.json("approve", run, step, "--as", labtenant.ENGINEER, given=desk.code(labtenant.ENGINEER))


def version(desk: Desk) -> int:
    return int(desk.json("vault", "show", "--tenant", TENANT, "sink/token")["version"])


def test_made_proven_used_and_the_old_one_refused(desk: Desk, lab: Lab) -> None:
    run, old = begin(desk), lab.sink_token
    lab.sink_token = "sink-token-new"
    desk.json("vault", "put", "--tenant", TENANT, CANDIDATE, given=lab.sink_token)
    answer(desk, run, "ask")
    waits = desk.json("resume", run, code=3)
    assert [step["outcome"] for step in waits["steps"] if step["id"] in ("prove", "use")] == ["observed", "changed"]
    assert version(desk) == 2
    answer(desk, run, "remove")
    done = desk.json("resume", run)
    assert done["status"] == "completed", done["steps"]
    assert old != lab.sink_token
    assert CANDIDATE not in [one["name"] for one in desk.json("vault", "list", "--tenant", TENANT)]


def test_what_does_not_sign_in_is_not_taken_into_use(desk: Desk, lab: Lab) -> None:
    run = begin(desk)
    desk.json("vault", "put", "--tenant", TENANT, CANDIDATE, given="mistyped")
    answer(desk, run, "ask")
    stopped = desk.json("resume", run, code=4)
    assert stopped["status"] == "paused_by_failed_step"
    assert version(desk) == 1


def test_the_present_one_stored_again_is_no_new_one(desk: Desk, lab: Lab) -> None:
    run = begin(desk)
    desk.json("vault", "put", "--tenant", TENANT, CANDIDATE, given=lab.sink_token)
    answer(desk, run, "ask")
    stopped = desk.json("resume", run, code=4)
    assert [step["error"]["code"] for step in stopped["steps"] if step["error"]] == ["not_verified"]
    assert version(desk) == 1


def test_no_run_makes_one_by_itself(desk: Desk, lab: Lab) -> None:
    stopped = desk.json("vault", "rotate", "--tenant", TENANT, "sink/token", code=4)
    (failed,) = [step for step in stopped["steps"] if step["error"]]
    assert failed["id"] == "make"
    assert "credential_handover" in failed["error"]["remedy"]
