from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integrations.lab.stand import Stand


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    found = Stand()
    await found.sign_in()
    yield found
    await found.http.aclose()
