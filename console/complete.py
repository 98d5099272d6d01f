"""What the shell offers after Tab: names of files alone, nothing is opened or imported that takes time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

__all__ = ["runbooks", "runs", "tenants"]


def tenants(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the tenants' files."""
    del ctx, param
    from tenantry.home import Home

    return _matching((path.stem for path in Home.locate().tenants.glob("*.yaml")), incomplete)


def runbooks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the runbooks, from the names of their files."""
    del ctx, param
    from tenantry.discovery import RunbookCatalog, TaskRegistry
    from tenantry.home import Home

    shipped = Path(__file__).resolve().parent.parent / "runbooks"
    return _matching(RunbookCatalog((Home.locate().runbooks, shipped), TaskRegistry).ids(), incomplete)


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the newest runs."""
    del ctx, param
    from console.session import opened

    with opened() as installation:
        return _matching((index.run_id for index in installation.journal.runs(limit=50)), incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(set(names)) if name.startswith(incomplete)]
