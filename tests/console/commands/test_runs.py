"""Runs on the command line: started, waited for, answered, resumed, undone, cancelled; and what refuses to begin."""

from __future__ import annotations

from typing import Any

import pytest

from console.session import exit_code
from integrations.lab import Lab
from tests.console.desk import PLAIN, TENANT, Desk


def account(desk: Desk) -> str:
    assert desk.lab is not None
    return str(desk.lab.scenario_info()["compromised"][0])


def audit(desk: Desk) -> list[Any]:
    lab = desk.lab
    assert isinstance(lab, Lab)
    return lab.audit


def start(desk: Desk, *more: str, runbook: str = "small", code: int = 3, given: str | None = None) -> dict[str, Any]:
    view: dict[str, Any] = desk.json(
        "run", runbook, "--tenant", TENANT, "-p", f"account={account(desk)}", *more, code=code, given=given
    )
    return view


def test_a_run_waits_is_answered_and_resumes_to_completion(stand: Desk) -> None:
    view = start(stand, "--as", "lab.engineer", given=f"{stand.code('lab.engineer')}\n")
    run = view["run_id"]
    assert view["status"] == "waiting_for_approval"
    assert view["requested_by"]["person"] == "lab.engineer"
    assert view["requested_by"]["proven"] is True
    assert {waiting["step"] for waiting in view["waiting_for"]} == {"confirmed", "block"}
    assert audit(stand) == []

    asked = stand.json("approvals", "list")
    assert {(row["run_id"], row["step"]) for row in asked} == {(run, "confirmed"), (run, "block")}

    code = stand.code("lab.lead")
    answered = stand.json("approve", run[:8], "confirmed", "block", "--as", "lab.lead", given=f"{code}\n")
    assert {a["decision"] for a in answered["approvals"]} == {"approve"}
    assert {a["by"] for a in answered["approvals"]} == {"lab.lead"}
    assert stand.json("approvals", "list") == []

    done = stand.json("resume", run[:8], code=0)
    assert done["status"] == "completed"
    assert done["attempt"] == 2
    assert [entry["method"] for entry in audit(stand)] == ["PATCH"]

    assert [shown["run_id"] for shown in stand.json("runs", "list")] == [run]
    assert stand.json("runs", "show", run)["status"] == "completed"
    assert stand.json("resume", run, code=0)["attempt"] == 2, "an ended run stays as it is"


def test_a_denial_ends_in_5(stand: Desk) -> None:
    run = start(stand, "--as", "lab.engineer", given=f"{stand.code('lab.engineer')}\n")["run_id"]
    given = f"{stand.code('lab.lead')}\n"
    stand.json("approve", run, "block", "--deny", "--reason", "not this one", "--as", "lab.lead", given=given)
    stand.json("approve", run, "confirmed", "--as", "lab.lead", given=f"{stand.code('lab.lead')}\n")
    view = stand.json("resume", run, code=5)
    [block] = [step for step in view["steps"] if step["id"] == "block"]
    assert block["error"]["code"] == "approval_denied"
    assert "not this one" in block["error"]["message"]
    assert audit(stand) == []


def test_an_unproven_request_takes_two_approvers(stand: Desk) -> None:
    run = start(stand)["run_id"]
    stand.json("approve", run, "block", "confirmed", "--as", "lab.lead", given=f"{stand.code('lab.lead')}\n")
    assert stand.json("resume", run, code=3)["status"] == "waiting_for_approval"
    stand.json("approve", run, "block", "--as", "lab.approver", given=f"{stand.code('lab.approver')}\n")
    assert stand.json("resume", run, code=0)["status"] == "completed"
    assert len(audit(stand)) == 1


def test_the_requester_cannot_approve_their_own_run(stand: Desk) -> None:
    run = start(stand, "--as", "lab.lead", given=f"{stand.code('lab.lead')}\n")["run_id"]
    said = stand.refused("approve", run, "block", "--as", "lab.lead", code=5, given=f"{stand.code('lab.lead')}\n")
    assert "started this run" in said
    assert stand.events(run, "approval.decided") == []
    assert [event["why"] for event in stand.events(run, "approval.refused")] == ["refused"]


def test_a_wrong_code_decides_nothing_and_is_recorded(stand: Desk) -> None:
    run = start(stand)["run_id"]
    wrong = stand.wrong_code("lab.lead")
    said = stand.refused("approve", run, "block", "--as", "lab.lead", code=5, given=f"{wrong}\n")
    assert said == "the code was not accepted"
    assert said == stand.refused("approve", run, "block", "--as", "nobody", code=5, given="123456\n")
    assert stand.events(run, "approval.decided") == []
    assert len(stand.events(run, "approval.refused")) == 2
    assert stand.json("runs", "show", run)["status"] == "waiting_for_approval"


def test_no_code_is_no_answer(stand: Desk) -> None:
    run = start(stand)["run_id"]
    assert "no code" in stand.refused("approve", run, "block", "--as", "lab.lead", code=2)
    assert stand.events(run, "approval.refused") == []


def test_approving_what_is_not_asked(stand: Desk) -> None:
    run = start(stand)["run_id"]
    lead = ("--as", "lab.lead")
    assert "asks nothing" in stand.refused("approve", run, "team", *lead, code=2, given="123456\n")
    assert "asks nothing about" in stand.refused(
        "approve", run, "block", "--item", "x", *lead, code=2, given="123456\n"
    )
    assert "no run" in stand.refused("approve", "ffffffff", "block", *lead, code=2, given="123456\n")
    assert stand.events(run, "approval.refused") == [], "no code was looked at"


def test_plan_changes_nothing_and_lists_what_run_would(stand: Desk) -> None:
    view = start(stand, "--mode", "plan", code=0)
    assert view["status"] == "planned"
    [block] = [step for step in view["steps"] if step["id"] == "block"]
    assert block["outcome"] == "would_change"
    assert block["changes"][0]["after"] is False
    assert audit(stand) == []
    assert "a plan changed nothing" in stand.refused("undo", view["run_id"], code=5)


def test_undo_of_a_run_and_of_a_step(stand: Desk) -> None:
    run = start(stand, runbook="plain", code=0)["run_id"]
    view = stand.json("undo", run, "--step", "block", code=0)
    assert view["steps"][0]["outcome"] == "undone"
    run = start(stand, runbook="plain", code=0)["run_id"]
    assert stand.json("undo", run, code=0)["status"] == "undone"
    assert len(audit(stand)) == 4
    assert "no step" in stand.refused("undo", run, "--step", "blok", code=2)


def test_a_freeze_stops_effects_until_it_is_lifted(stand: Desk) -> None:
    frozen = stand.json("freeze", TENANT, "--reason", "wait")
    assert frozen["frozen"] is True
    view = start(stand, runbook="plain", code=5)
    assert view["status"] == "paused_by_failed_step"
    assert view["steps"][0]["error"]["code"] == "frozen"
    assert audit(stand) == []
    assert stand.json("tenants", "list")[0]["frozen"]["reason"] == "wait"
    stand.json("unfreeze", TENANT)
    assert stand.json("resume", view["run_id"], code=0)["status"] == "completed"
    assert len(audit(stand)) == 1


def test_cancel(stand: Desk) -> None:
    run = start(stand)["run_id"]
    assert stand.json("cancel", run, code=0)["status"] == "cancelled"
    assert stand.json("resume", run, code=4)["status"] == "cancelled"
    assert stand.json("cancel", run, code=4)["status"] == "cancelled"
    assert "ended" in stand.refused("approve", run, "block", "--as", "lab.lead", code=2, given="123456\n")


def test_a_tenant_that_refuses_the_sign_in_ends_in_4(stand: Desk) -> None:
    stand.json("vault", "put", "--tenant", TENANT, "m365/client-secret", given="not-the-secret\n")
    view = start(stand, runbook="plain", code=4)
    assert view["status"] == "paused_by_failed_step"
    assert view["steps"][0]["error"]["code"] == "sign_in_failed"
    assert "not-the-secret" not in str(view)


class TestNothingBegins:
    """What is refused before anything starts: one sentence, the code of the contract, no run in the record."""

    @pytest.fixture(autouse=True)
    def _nothing(self, stand: Desk) -> Any:
        self.desk = stand
        yield
        assert stand.runs() == []
        assert audit(stand) == []

    def refuse(self, *args: str, code: int = 2, given: str | None = None) -> str:
        return self.desk.refused("run", *args, code=code, given=given)

    def test_unknown_runbook(self) -> None:
        said = self.refuse("smal", "--tenant", TENANT, "-p", "account=a@b.example")
        assert "smal" in said
        assert "did you mean small" in said

    def test_unknown_tenant(self) -> None:
        assert "globex" in self.refuse("small", "--tenant", "globex", "-p", "account=a@b.example")

    def test_a_name_that_is_no_tenants(self) -> None:
        assert self.refuse("small", "--tenant", "../acme", "-p", "account=a@b.example")

    def test_no_tenant(self) -> None:
        assert "--tenant" in self.refuse("small", "-p", "account=a@b.example")

    def test_missing_parameter(self) -> None:
        assert "-p account" in self.refuse("small", "--tenant", TENANT)

    def test_unknown_parameter(self) -> None:
        assert "-p colour" in self.refuse("small", "--tenant", TENANT, "-p", "account=a@b.example", "-p", "colour=red")

    def test_ill_typed_parameter(self) -> None:
        said = self.refuse("small", "--tenant", TENANT, "-p", "account=a@b.example", "-p", "when=yesterday")
        assert "-p when" in said

    def test_a_choice_that_is_none(self) -> None:
        assert "-p level" in self.refuse("small", "--tenant", TENANT, "-p", "account=a@b.example", "-p", "level=top")

    def test_a_parameter_without_value_is_not_repeated(self) -> None:
        said = self.refuse("small", "--tenant", TENANT, "-p", "hunter2")
        assert said.startswith("-p")
        assert "hunter2" not in said

    def test_a_parameter_given_twice(self) -> None:
        assert "-p account" in self.refuse("small", "--tenant", TENANT, "-p", "account=a@b", "-p", "account=c@d")

    def test_unknown_mode(self) -> None:
        assert "--mode" in self.refuse("small", "--tenant", TENANT, "-p", "account=a@b.example", "--mode", "test")

    def test_unknown_person(self) -> None:
        args = ("small", "--tenant", TENANT, "-p", "account=a@b.example", "--as", "nobody")
        assert "--as" in self.refuse(*args)
        assert self.refuse(*args, code=5, given="123456\n") == "the code was not accepted"

    def test_wrong_code(self) -> None:
        wrong = f"{self.desk.wrong_code('lab.engineer')}\n"
        args = ("small", "--tenant", TENANT, "-p", "account=a@b.example", "--as", "lab.engineer")
        assert self.refuse(*args, code=5, given=wrong) == "the code was not accepted"

    def test_somebody_of_another_tenant(self) -> None:
        self.desk.json("people", "add", "gil", "--role", "engineer", "--tenant", "globex")
        args = ("small", "--tenant", TENANT, "-p", "account=a@b.example", "--as", "gil")
        assert "gil may not touch acme" in self.refuse(*args, code=5)

    def test_an_auditor(self) -> None:
        self.desk.json("people", "add", "aud", "--role", "auditor", "--tenant", "*")
        args = ("small", "--tenant", TENANT, "-p", "account=a@b.example", "--as", "aud")
        assert "auditor" in self.refuse(*args, code=5)

    def test_broken_runbook(self) -> None:
        self.desk.runbook(
            PLAIN.replace("id: plain", "id: broken").replace("identity.disable_sign_in", "identity.nothing")
        )
        said = self.refuse("broken", "--tenant", TENANT, "-p", "account=a@b.example")
        assert "broken.yaml:" in said
        assert "identity.nothing" in said

    def test_broken_tenant_file(self) -> None:
        path = self.desk.home / "tenants" / f"{TENANT}.yaml"
        path.write_text(path.read_text(encoding="utf-8") + "\ncolour: red\n", encoding="utf-8")
        said = self.refuse("small", "--tenant", TENANT, "-p", "account=a@b.example")
        assert f"{TENANT}.yaml:" in said
        assert "colour" in said

    def test_errors_are_the_json_document_too(self) -> None:
        result = self.desk("run", "small", "--tenant", TENANT, "--json")
        assert result.exit_code == 2
        assert '"invalid_input"' in result.stdout
        assert result.stderr.startswith("tenantry: -p account")


def test_a_requester_named_without_a_code_is_not_proven(stand: Desk) -> None:
    result = stand(
        "run", "small", "--tenant", TENANT, "-p", f"account={account(stand)}", "--as", "lab.engineer", "--json"
    )
    assert result.exit_code == 3
    assert "not proven" in result.stderr
    [created] = stand.events(stand.runs()[0], "run.created")
    assert created["requester"]["person"] == "lab.engineer"
    assert created["requester"]["proven"] is False


def test_a_time_parameter_reaches_the_record(stand: Desk) -> None:
    view = start(stand, "-p", "when=2026-11-20T09:00:00+01:00")
    assert view["params"]["when"].startswith("2026-11-20T08:00:00")


def test_no_wait_leaves_it_to_another_process(stand: Desk) -> None:
    view = start(stand, "--no-wait", code=0)
    assert view["attempt"] == 0
    assert stand.runs() == [view["run_id"]]


def test_tables_for_people(stand: Desk) -> None:
    run = start(stand)["run_id"]
    shown = stand("runs", "show", run)
    assert shown.exit_code == 0
    assert "waiting for approval" in shown.stdout
    assert "Does the client confirm it?" in shown.stdout
    listed = stand("runs", "list")
    assert run in listed.stdout
    resumed = stand("resume", run)
    assert resumed.exit_code == 3
    assert f"tenantry approve {run}" in resumed.stderr


def test_progress_goes_to_stderr(stand: Desk) -> None:
    result = stand("run", "plain", "--tenant", TENANT, "-p", f"account={account(stand)}", "--json")
    assert "block changed" in result.stderr
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("run", ["", "zz", "../../etc", "ffffffff-0000-4000-8000-000000000000", "*"])
@pytest.mark.parametrize("command", [("runs", "show"), ("resume",), ("undo",), ("cancel",)])
def test_no_such_run(desk: Desk, command: tuple[str, ...], run: str) -> None:
    assert desk.refused(*command, run, code=2).startswith("RUN:")


def test_lists_of_nothing(desk: Desk) -> None:
    assert desk.json("runs", "list") == []
    assert desk.json("approvals", "list") == []
    assert desk("runs", "list").stdout == "none\n"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        ("completed", None, 0),
        ("planned", None, 0),
        ("undone", None, 0),
        ("running", None, 0),
        ("completed_with_exceptions", "approval_denied", 1),
        ("waiting_for_approval", None, 3),
        ("paused_by_failed_step", "unreachable", 4),
        ("paused_by_failed_step", "frozen", 5),
        ("paused_by_failed_step", "approval_denied", 5),
        ("paused_by_failed_step", "approval_expired", 5),
        ("paused_by_failed_step", "out_of_scope", 5),
        ("failed", "conflict", 5),
        ("failed", "not_verified", 4),
        ("interrupted", None, 4),
        ("cancelled", "frozen", 4),
    ],
)
def test_exit_codes_follow_the_status(status: str, error: str | None, code: int) -> None:
    step = {"error": {"code": error} if error else None}
    assert exit_code({"status": status, "steps": [step]}) == code


@pytest.mark.parametrize("answer", [True, False, RuntimeError("secret-canary")])
def test_a_service_that_runs_is_told_of_an_answer(stand: Desk, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    told = []

    def nudge(installation: Any, run_id: str) -> bool:
        told.append(run_id)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    run = start(stand)["run_id"]
    monkeypatch.setattr("flows.server.find", lambda home: "a server")
    monkeypatch.setattr("flows.launch.nudge", nudge)
    code = f"{stand.code('lab.lead')}\n"
    result = stand("approve", run, "confirmed", "--as", "lab.lead", given=code)
    assert result.exit_code == 0, result.stderr
    assert told == [run]
    assert (f"tenantry resume {run}" in result.stderr) is (answer is not True)
    assert "canary" not in result.output
    assert len(stand.events(run, "approval.decided")) == 1, "recorded, whatever becomes of the server"
