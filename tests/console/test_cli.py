"""Errors become one sentence and an exit code; codes come from stdin; hostile text does nothing to a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from console import ask, render
from console.cli import Command, Lazy, Root, json_option
from tenantry.errors import Frozen, InvalidInput, TenantryError, Unreachable
from tenantry.journal import LeaseHeld
from tests.console.desk import Desk, totp

TENANTRY = [sys.executable, "-c", "from console.main import main; main()"]


def root(raised: BaseException | None = None, returned: Any = None) -> Root:
    @click.command("act", cls=Command, examples=("tenantry act",))
    @json_option
    def act() -> Any:
        """Act."""
        if raised is not None:
            raise raised
        return returned

    lazy = Lazy("console.main:cli", "Act.")
    lazy.load = lambda: act  # type: ignore[method-assign]  # stands for a module

    @click.group("tenantry", cls=Root, sections={"All": {"act": lazy}}, examples=("tenantry act",))
    @click.option("--debug", is_flag=True, expose_value=False)
    def cli() -> None:
        """All."""

    assert isinstance(cli, Root)
    return cli


def invoke(*args: str, **raised: Any) -> Result:
    return CliRunner().invoke(root(**raised), list(args), prog_name="tenantry")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("no", place="--x"), 2),
        (Frozen("frozen"), 5),
        (Unreachable("gone"), 4),
        (TenantryError("odd"), 4),
        (LeaseHeld("somebody", 3.0), 4),
        (ValueError("secret-canary"), 4),
        (click.UsageError("wrong"), 2),
        (click.FileError("f", "gone"), 2),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_every_error_has_its_code_and_one_sentence(error: BaseException, code: int) -> None:
    result = invoke("act", raised=error)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.lstrip("\n").startswith("tenantry: ")  # the terminal has echoed ^C already
    assert "Traceback" not in result.stderr
    assert "canary" not in result.stderr


@pytest.mark.parametrize("error", [InvalidInput("no", place="--x"), Frozen("frozen"), ValueError("canary")])
def test_with_json_the_error_is_the_document(error: BaseException) -> None:
    result = invoke("act", "--json", raised=error)
    document = json.loads(result.stdout)["error"]
    assert document.keys() >= {"code", "message", "remedy", "retryable"}
    assert "canary" not in result.output


@pytest.mark.parametrize("args", [("--debug", "act"), ("act", "--debug")])
def test_debug_shows_the_traceback(args: tuple[str, ...]) -> None:
    assert "Traceback" in invoke(*args, raised=ValueError("x")).stderr


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_what_a_command_returns_is_the_exit_code(returned: Any, code: int) -> None:
    assert invoke("act", returned=returned).exit_code == code


def test_control_characters_of_an_error_do_not_reach_the_terminal() -> None:
    result = invoke("act", raised=InvalidInput("\x1b[2Jgone\x07\u202e"))
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr
    assert "\u202e" not in result.stderr


def test_nothing_given_shows_the_help_and_a_wrong_command_what_is_near(desk: Desk) -> None:
    assert "Did you mean tenants" in desk.refused("tenant", code=2)
    assert desk("--nonsense").exit_code == 2
    for args in ((), ("vault",)):
        assert desk(*args).exit_code == 2


def test_whoever_reads_may_go_away(desk: Desk) -> None:
    process = subprocess.Popen([*TENANTRY, "tasks", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in (0, 1)
    assert b"Traceback" not in said
    assert b"Exception ignored" not in said


class TestAsk:
    """Where codes and secrets come from."""

    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def give(data: bytes) -> None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

        return give

    def test_a_line_of_stdin(self, given: Any) -> None:
        given(b" 123 456 \nmore\n")
        assert ask.code("ann").get_secret_value() == "123 456"

    @pytest.mark.parametrize("data", [b"", b"\n", b"  \n"])
    def test_nothing_is_no_code(self, given: Any, data: bytes) -> None:
        given(data)
        assert ask.optional_code("ann") is None
        with pytest.raises(InvalidInput):
            ask.code("ann")

    def test_a_code_never_shows(self, given: Any) -> None:
        given(b"123456\n")
        assert "123456" not in repr(ask.code("ann"))

    def test_a_pipe_that_nobody_writes_to_does_not_hold_a_run_up(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        reading, writing = os.pipe()
        monkeypatch.setattr(ask, "_OPTIONAL_WAIT", 0.01)
        with os.fdopen(reading, "r") as silent:
            monkeypatch.setattr(sys, "stdin", silent)
            assert ask.optional_code("ann") is None
        os.close(writing)

    def test_a_code_that_a_pipe_holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reading, writing = os.pipe()
        os.write(writing, b"123456\n")
        with os.fdopen(reading, "r") as pipe:
            monkeypatch.setattr(sys, "stdin", pipe)
            found = ask.optional_code("ann")
        os.close(writing)
        assert found is not None
        assert found.get_secret_value() == "123456"

    def test_a_closed_stdin_is_no_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        assert ask.optional_code("ann") is None


def test_on_a_terminal_the_code_is_asked_for_and_not_shown(desk: Desk) -> None:
    """Through a real pseudo-terminal: prompt, no echo, and the answer counts."""
    desk.json("people", "add", "ann", "--role", "approver", "--tenant", "*")
    code = totp(desk.json("people", "enroll", "ann")["otpauth_uri"]).now()
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*TENANTRY, "freeze", "--as", "ann"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + 60
    while b"Code of ann" not in seen and time.monotonic() < deadline:
        seen += os.read(master, 1024)
    os.write(master, f"{code}\n".encode())
    while True:
        try:
            more = os.read(master, 1024)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        seen += more
    assert process.wait(60) == 0, seen
    os.close(master)
    assert b"Frozen everywhere by ann." in seen
    assert code.encode() not in seen


class TestRender:
    """What people see of texts that attackers chose."""

    @pytest.mark.parametrize(
        "hostile", ["\x1b[31mred", "a\u202eb", "a\rb", "a\x00b", "\u2066x", "a\u2028b", "[bold]x[/]"]
    )
    def test_cleaned(self, hostile: str, capsys: pytest.CaptureFixture[str]) -> None:
        render.table(("name",), [(hostile,)])
        shown = capsys.readouterr().out
        for character in "\x1b\u202e\r\x00\u2066\u2028":
            assert character not in shown
        if hostile.startswith("["):
            assert hostile in shown, "no markup is obeyed"

    def test_long_texts_are_cut(self) -> None:
        assert len(render.clean("x" * 10_000)) == 2_000

    def test_a_pipe_gets_columns_without_trailing_blanks(self, capsys: pytest.CaptureFixture[str]) -> None:
        render.table(("a", "long name"), [("x" * 300, ""), ("", "y")])
        lines = capsys.readouterr().out.splitlines()
        assert lines[1] == "x" * 300
        assert all(line == line.rstrip() for line in lines)

    def test_a_terminal_gets_a_table_with_words_beside_colours(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        out = Terminal()
        render.console(out).print(render.status("waiting_for_approval"), render.outcome("failed"), render.outcome(None))
        assert "waiting for approval" in out.getvalue()
        assert "failed" in out.getvalue()

    def test_times_are_utc_to_the_second(self) -> None:
        assert render.moment("2026-11-21T10:00:00.123456Z") == "2026-11-21 10:00:00Z"
        assert render.moment(None) == ""

    def test_what_a_step_did(self) -> None:
        step = {
            "item": "user-1",
            "outcome": "changed",
            "error": None,
            "note": None,
            "changes": [{"path": "user/user-1/enabled", "before": True, "after": False}],
        }
        assert render.describe(step) == "enabled: true → false"
        assert render.describe(step | {"item": None}) == "user/user-1/enabled: true → false"
        many = [{"path": f"a/b/c{n}", "before": None, "after": n} for n in range(7)]
        assert render.describe(step | {"changes": many}).endswith("; and 2 more")
        error = {"message": "Frozen.", "remedy": "Lift it."}
        assert render.describe(step | {"outcome": "failed", "error": error}) == "Frozen. Lift it."
