"""The help: fast, complete, and its examples are real command lines."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from console.cli import Root
from console.main import SECTIONS, cli

HEAVY = ("prefect", "msgraph", "sqlalchemy", "cel", "pydantic", "rich", "httpx", "cryptography", "yaml", "starlette")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its path."""

    def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
        yield path, command
        if isinstance(command, click.Group):
            with click.Context(command) as context:
                for name in command.list_commands(context):
                    inner = command.get_command(context, name)
                    assert inner is not None
                    yield from walk(inner, f"{path} {name}")

    return walk(cli, "tenantry")


ALL = dict(commands())


def examples(command: click.Command) -> tuple[str, ...]:
    found: tuple[str, ...] = command.examples  # type: ignore[attr-defined]  # of our own classes
    return found


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from console.main import cli\n"
        "try:\n    cli.main(['--help'], prog_name='tenantry')\n"
        "except SystemExit:\n    pass\n"
        "sys.stderr.write(' '.join(sorted({m.partition('.')[0] for m in sys.modules})))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "Usage: tenantry" in done.stdout
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert not loaded & set(HEAVY)


def test_every_command_family_is_in_the_help() -> None:
    text = CliRunner().invoke(cli, ["--help"]).output
    for section, names in SECTIONS.items():
        assert f"{section}:" in text
        for name, lazy in names.items():
            assert name in text
            assert lazy.summary in text
            loaded = lazy.load()
            assert loaded.name == name
    assert "_TENANTRY_COMPLETE" in text
    assert isinstance(cli, Root)


@pytest.mark.parametrize("path", sorted(ALL))
def test_every_command_is_documented(path: str) -> None:
    command = ALL[path]
    assert command.help, "a docstring"
    assert command.help.strip().split("\n")[0][0].isupper()
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert param.help, (path, param.name)
            assert param.help.rstrip().endswith((".", "]")), (path, param.help)
    assert examples(command)
    for example in examples(command):
        assert f"{path} " in f"{example} ", (path, example)


@pytest.mark.parametrize(
    ("path", "example"), [(path, example) for path, command in sorted(ALL.items()) for example in examples(command)]
)
def test_every_example_is_a_command_line_that_parses(path: str, example: str) -> None:
    words = shlex.split(example.rpartition("|")[2])
    words = words[: next((i for i, word in enumerate(words) if word in "<>"), len(words))]
    command: click.Command = cli
    given = words[1:]
    while isinstance(command, click.Group):
        with click.Context(command) as context:
            inner = command.get_command(context, given.pop(0))
        assert inner is not None
        command = inner
    command.make_context(command.name, given)


@pytest.mark.parametrize("path", sorted(ALL))
def test_help_of_every_command_prints(path: str) -> None:
    result = CliRunner().invoke(cli, [*path.split()[1:], "--help"])
    assert result.exit_code == 0, result.output
    assert "Examples" in result.stdout


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("tenantry ")


def test_completion_offers_commands_and_loads_only_one_family() -> None:
    environment = {"_TENANTRY_COMPLETE": "bash_complete", "COMP_WORDS": "tenantry tim", "COMP_CWORD": "1"}
    result = CliRunner().invoke(cli, [], env=environment, prog_name="tenantry", complete_var="_TENANTRY_COMPLETE")
    assert result.stdout.split() == ["plain,timeline"]


def test_completion_offers_tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path
    (home / "tenants").mkdir()
    for name in ("acme", "globex"):
        (home / "tenants" / f"{name}.yaml").touch()
    monkeypatch.setenv("TENANTRY_HOME", str(home))
    environment = {
        "_TENANTRY_COMPLETE": "bash_complete",
        "COMP_WORDS": "tenantry run x --tenant a",
        "COMP_CWORD": "4",
    }
    result = CliRunner().invoke(cli, [], env=environment, prog_name="tenantry", complete_var="_TENANTRY_COMPLETE")
    assert result.stdout.split() == ["plain,acme"]
