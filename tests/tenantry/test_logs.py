"""Logs: JSON, with run, tenant and step, and without secrets."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tenantry.errors import Throttled
from tenantry.logs import HIDDEN, JsonLines, bound, configure, protect, redacted

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhY21lIn0.c2lnbmF0dXJl"


class Lines(io.StringIO):
    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = Lines()
    configure(out, "INFO")
    yield out
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_line(lines: Lines) -> None:
    with bound(run="r-1", tenant="acme", step=None), bound(step="block", attempt=2):
        logging.getLogger("tenantry.run").warning("looked %d times", 3, extra={"seconds": 1.5})
    logging.getLogger("x").info("after")
    first, second = lines.all
    assert first["ts"].endswith("Z")
    assert (first["level"], first["logger"], first["message"]) == ("warning", "tenantry.run", "looked 3 times")
    assert (first["run"], first["tenant"], first["step"], first["attempt"], first["seconds"]) == (
        "r-1",
        "acme",
        "block",
        2,
        1.5,
    )
    assert "run" not in second


async def test_steps_at_the_same_time_are_told_apart(lines: Lines) -> None:
    async def work(step: str) -> None:
        with bound(step=step):
            await asyncio.sleep(0.01)
            await asyncio.to_thread(logging.getLogger("x").info, step)

    with bound(run="r-1"):
        await asyncio.gather(*(work(f"step-{number}") for number in range(5)))
    assert {(line["run"], line["step"]) for line in lines.all} == {("r-1", f"step-{n}") for n in range(5)}
    assert all(line["step"] == line["message"] for line in lines.all)


def test_an_error(lines: Lines) -> None:
    try:
        raise Throttled("asked to wait; password=hunter2hunter2")
    except Throttled:
        logging.getLogger("x").exception("it failed")
    [line] = lines.all
    assert line["error"] == {"type": "Throttled", "code": "throttled"}
    assert "Traceback" in line["traceback"]
    assert "hunter2" not in json.dumps(line)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        (f"got {JWT} back", "c2lnbmF0dXJl"),
        ("postgresql://prefect:topsecret@127.0.0.1/db", "topsecret"),
        ("POST /token client_secret=abc~123.XYZ&grant_type=x", "abc~123.XYZ"),
        ('{"access_token": "opaque-value-1234", "expires_in": 3600}', "opaque-value-1234"),
        ("https://store/x?sv=1&sig=AbCd%2F1234", "AbCd%2F1234"),
        ("https://app/cb?code=0.AXoA1234&state=1", "0.AXoA1234"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----", "MIIEvQ"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ cut off", "MIIEvQ"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("otpauth://totp/x?secret=JBSWY3DP", "JBSWY3DP"),
    ],
)
def test_what_looks_like_a_credential(lines: Lines, text: str, secret: str) -> None:
    logging.getLogger("x").info(text)
    logging.getLogger("x").info("%s", text)
    logging.getLogger("x").info("extra", extra={"answer": {"inner": [text]}})
    assert secret not in lines.getvalue()
    assert HIDDEN in lines.all[0]["message"]


@pytest.mark.parametrize(
    "text", ["vault:acme/m365/app", "step block: 3 changes", "GET /users/1 404", "signed in at 10:00", "passed 4 of 5"]
)
def test_what_does_not(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "Authorization", "api-key", "apiKey", "refresh_token", "code"]
)
def test_by_name(lines: Lines, name: str) -> None:
    logging.getLogger("x").info("m", extra={"facts": {name: "anything at all"}})
    assert "anything" not in lines.getvalue()


def test_protected_values_and_secret_types(lines: Lines) -> None:
    protect(SecretStr("pl4in-canary"))
    protect("x")  # too short to be looked for
    logging.getLogger("x").info(
        "the value is pl4in-canary", extra={"a": "pl4in-canary", "b": SecretStr("other-canary")}
    )
    [line] = lines.all
    assert "canary" not in json.dumps(line)
    assert line["message"] == f"the value is {HIDDEN}"


def test_one_line_however_hostile() -> None:
    text = "a\nb\r\x1b[31m\u2028\ud800 %s %s"
    line = JsonLines().format(logging.LogRecord("x", logging.INFO, "", 0, text, ("only one",), None))
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert "do not fit" in json.loads(line)["message"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece", ["y", "a-", "x://", "eyJ", "secret", "bearer ", "token=", "-----BEGIN ", "://a:", "sig= "]
)
def test_nobody_chooses_how_long_a_line_takes(piece: str) -> None:
    text = (piece * 100_000)[:200_000]
    for _ in range(3):
        assert JsonLines().format(logging.LogRecord("x", logging.INFO, "", 0, text, None, None))


@pytest.mark.timeout(30)
def test_long_and_deep(lines: Lines) -> None:
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"x": deep}
    logging.getLogger("x").info("y" * 100_000, extra={"deep": deep, "raw": b"\0" * 10})
    assert len(lines.getvalue()) < 40_000
    assert lines.all[0]["raw"] == "<10 bytes>"


@given(st.text(max_size=200))
def test_any_text_is_a_line(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, text, None, None)
    assert json.loads(JsonLines().format(record))["level"] == "info"


def test_an_unknown_level_is_info(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    monkeypatch.setenv("TENANTRY_LOG_LEVEL", "loud")
    configure(lines)
    assert logging.getLogger().level == logging.INFO
