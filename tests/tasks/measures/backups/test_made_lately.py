from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.backups.made_lately import MadeLately
from tenantry.capabilities import BackupSource
from tests.tasks.checks.looks import LONG_AGO, NOW
from tests.tasks.measures.given import listed, measured


def source(name: str, at: Any) -> BackupSource:
    return BackupSource(id=name, kind="database", name=name, last_point_at=at, raw={})


def point(at: Any, state: str = "available") -> SimpleNamespace:
    return SimpleNamespace(created_at=at, state=state)


@pytest.mark.parametrize(
    ("sources", "points", "status", "about"),
    [
        ([source("db", NOW - timedelta(days=1))], [], "pass", ()),
        ([source("db", NOW - timedelta(days=8))], [], "pass", ()),
        ([source("db", NOW - timedelta(days=9))], [], "fail", ("db (2026-11-13)",)),
        ([source("db", None)], [point(NOW)], "pass", ()),
        ([source("db", None)], [point(NOW, "failed"), point(LONG_AGO)], "fail", ("db (2025-10-18)",)),
        ([source("db", None)], [], "fail", ("db (never)",)),
        ([], [], "fail", ()),
    ],
)
async def test_when(sources: list[Any], points: list[Any], status: str, about: tuple[str, ...]) -> None:
    backup = SimpleNamespace(sources=listed(*sources), points=listed(*points))
    found = await measured(MadeLately(), backup=backup)
    assert (found.status, found.about) == (status, about)
