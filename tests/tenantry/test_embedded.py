from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.home import Home
from tenantry.secretstore import EMBEDDED, SecretStore
from tenantry.vault import Vault
from tests.conformance.secret_store import SecretStoreConformance


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SecretStore]:
    with Vault.open(Home(tmp_path / "home").ensure()) as vault:
        for tenant in ("acme", "beta", "acm", "bet", "beta-2"):
            vault.create_tenant_key(tenant)
        yield vault.store(EMBEDDED)


class TestEmbedded(SecretStoreConformance):
    pass
