from __future__ import annotations

from tasks.measures.cloud.keys_rotated import KeysRotated
from tenantry.capabilities import RotatedKey
from tests.tasks.measures.cloud.asked import asked


def test_on_and_off() -> None:
    assert asked(KeysRotated, RotatedKey(id="k", region="eu-central-1", rotates=True)) == []
    assert asked(KeysRotated, RotatedKey(id="k", region="eu-central-1", rotates=False)) == ["it is never replaced"]
