from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.logging.trail_kept import TrailKept
from tests.tasks.measures.given import listed, measured


def trail(**more: Any) -> SimpleNamespace:
    base = {"name": "t", "recording": True, "expires_days": None, "bucket_known": True}
    return SimpleNamespace(**{**base, **more})


async def caller() -> Any:
    return SimpleNamespace(account="111122223333")


@pytest.mark.parametrize(
    ("trails", "status"),
    [
        ([trail()], "pass"),
        ([trail(expires_days=180)], "pass"),
        ([trail(expires_days=179)], "fail"),
        ([trail(expires_days=30), trail(expires_days=400)], "pass"),
        ([trail(bucket_known=False)], "unknown"),
        ([trail(bucket_known=False), trail(expires_days=10)], "unknown"),
        ([trail(recording=False)], "fail"),
        ([], "fail"),
    ],
)
async def test_for_how_long(trails: list[Any], status: str) -> None:
    given = {"cloud_watch": SimpleNamespace(trails=listed(*trails)), "cloud_identity": SimpleNamespace(caller=caller)}
    assert (await measured(TrailKept(), **given)).status == status
