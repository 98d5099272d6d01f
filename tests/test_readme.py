"""What the README shows is so: its files load, its commands and options exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from console.main import cli
from flows.assembly import discover_providers
from tenantry.discovery import TaskRegistry
from tenantry.estate import load_estate
from tenantry.home import Home
from tenantry.runbook import parse_runbook
from tenantry.tenants import load_tenant

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> list[str]:
    lines = [
        line.split("  #")[0].strip().removesuffix("&").strip() for block in blocks("sh") for line in block.splitlines()
    ]
    return [line for line in lines if line.startswith("tenantry ")]


def test_there_is_something_to_check() -> None:
    assert len(commands()) >= 10
    assert len(blocks("yaml")) == 3


@pytest.mark.parametrize("line", commands())
def test_command_is_one(line: str) -> None:
    """The command exists and takes these options and arguments."""
    words = shlex.split(line)[1:]
    context = click.Context(cli, info_name="tenantry")
    command: click.Command = cli
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, name
        command, context = found, click.Context(found, parent=context, info_name=name)
    command.parse_args(context, words)


def test_runbook_loads() -> None:
    text = next(block for block in blocks("yaml") if "steps:" in block)
    runbook = parse_runbook(text, source="README.md", registry=TaskRegistry.discover(entry_points=False))
    assert runbook.upstream("end_sessions") == ("block",)


def test_tenant_loads(tmp_path: Path) -> None:
    text = next(block for block in blocks("yaml") if "providers:" in block)
    (tmp_path / "acme.yaml").write_text(text)
    assert load_tenant(tmp_path / "acme.yaml").providers["m365"].vendor == "microsoft365"


def test_estate_loads(tmp_path: Path) -> None:
    (tmp_path / "estate.yaml").write_text(next(block for block in blocks("yaml") if "# estate.yaml" in block))
    providers = load_estate(Home(tmp_path)).providers
    for provider in providers.values():
        found = discover_providers()[provider.vendor]
        getattr(found, "EstateSettings", found.Settings).model_validate(dict(provider.settings))
    assert set(load_tenant_handles(tmp_path)) <= set(providers)


def load_tenant_handles(folder: Path) -> dict[str, str]:
    (folder / "acme.yaml").write_text(next(block for block in blocks("yaml") if "# acme.yaml" in block))
    return load_tenant(folder / "acme.yaml").estate_handles


def test_make_targets_and_files_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z]+)\b", TEXT):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for name in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT) + re.findall(r"`([A-Z]+\.md|tasks/[\w/]+\.py)`", TEXT):
        assert (ROOT / name).is_file(), name
