"""On a real OpenBao server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenantry.secretstore import SecretStore
from tests.conformance.secret_store import SecretStoreConformance
from tests.support.bao import Bao


@pytest.fixture
def store(bao: Bao) -> Iterator[SecretStore]:
    made = bao.store()
    yield made
    made.close()


class TestOpenBao(SecretStoreConformance):
    pass
