from __future__ import annotations

from tasks.checks.cloud_exposure.key_material_imported import KeyMaterialImported
from tests.tasks.checks._cloud import NEW, encryption_key, found

CHECK = KeyMaterialImported()


def test_material_of_somebodys() -> None:
    assert found(CHECK, encryption_key(imported=True)) == [("low", "k")]
    assert found(CHECK, encryption_key(imported=True, expires_at=NEW)) == [("high", "k")]


def test_the_vendors_own_is_none() -> None:
    assert found(CHECK, encryption_key()) == []
    assert found(CHECK, encryption_key(imported=True, state="pending_deletion")) == [], "another check's"
