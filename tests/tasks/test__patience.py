from __future__ import annotations

import pytest

from tasks import _patience
from tasks._patience import until_right
from tenantry.errors import NotVerified


async def test_it_looks_again_until_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_patience, "PAUSE", 0.001)
    left = [["a is open"], ["a is open"], []]

    async def look() -> tuple[list[str], list[str]]:
        return ["b is shut"], left.pop(0)

    assert await until_right(look, 5.0) == ["b is shut"]
    assert left == []


async def test_what_stays_wrong_is_named_ten_at_most() -> None:
    async def look() -> tuple[list[str], list[str]]:
        return [], [f"thing {n}" for n in range(12)]

    with pytest.raises(NotVerified, match=r"thing 0.*thing 9; and 2 more"):
        await until_right(look, 0.0)
