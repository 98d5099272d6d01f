"""What is logged while a step is at work names its run, tenant and step."""

from __future__ import annotations

import io
import json
import logging

import pytest

from tenantry.logs import JsonLines
from tests.console.desk import PLAIN, TENANT, Desk, carry, lab_behind
from tests.console.desk import desk as desk  # a fixture


def test_lines_of_a_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.launch.resume", carry)
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("httpcore")  # says several lines for each request
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with lab_behind(desk) as lab:
            desk.runbook(PLAIN)
            account = f"account={lab.tenant.directory.upn_of(20)}"
            run = desk.json("run", "plain", "--tenant", TENANT, "-p", account)["run_id"]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    named = [line for line in lines if line.get("step") == "block"]
    assert named
    assert {(line["run"], line["tenant"], line["attempt"]) for line in named} == {(run, TENANT, 1)}
