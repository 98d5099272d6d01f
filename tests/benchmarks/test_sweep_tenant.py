"""The live sweep's figures: what is counted, and that they work. Nothing is timed."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from benchmarks.model import Scale
from benchmarks.sweep.tenant import measure
from benchmarks.wire import Asked, note
from tenantry.home import Home

LAB = "http://lab"


def asked(*calls: tuple[str, str, str, str]) -> Asked:
    found = Asked()
    for method, path, body, answer in calls:
        note(found, httpx.Request(method, LAB + path, content=body), answer.encode())
    return found


def test_the_fewest_are_each_question_once_in_full_batches_and_pages() -> None:
    batch = '{"requests": [%s]}'
    one = '{"id": "1", "method": "GET", "url": "/users/%d/x"}'
    found = asked(
        ("POST", "/login/token", "", "{}"),
        ("GET", "/graph/v1.0/users?$top=2", "", '{"value": [1, 2]}'),
        ("GET", "/graph/v1.0/users?$top=2&$skiptoken=a", "", '{"value": [3]}'),
        ("GET", "/graph/v1.0/users?$top=2", "", '{"value": [1, 2]}'),
        ("POST", "/graph/v1.0/$batch", batch % ", ".join(one % n for n in range(12)), "{}"),
        ("POST", "/graph/v1.0/$batch", batch % ", ".join(one % n for n in range(12, 24)), "{}"),
        ("POST", "/exchange/InvokeCommand", "a", "{}"),
        ("POST", "/exchange/InvokeCommand", "a", "{}"),
    )
    assert found.calls == 8
    assert found.least() == 1 + 1 + 2 + 1  # the token, all users on one page, 24 questions, the cmdlet
    assert found.least(all_in_batches=True) == 1 + 2 + 1


def test_a_sweep_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    Home.locate().ensure()
    found = measure("sweep.tenant-requests", Scale.small(), "requests")
    assert found.baseline is not None
    assert found.value >= found.baseline.value > 1
