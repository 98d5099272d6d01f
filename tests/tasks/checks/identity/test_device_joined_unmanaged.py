from __future__ import annotations

from tasks.checks.identity.device_joined_unmanaged import DeviceJoinedUnmanaged
from tests.tasks.checks.identity._facts import device
from tests.tasks.checks.looks import LONG_AGO, found

CHECK = DeviceJoinedUnmanaged()


def test_new_and_nobodys() -> None:
    assert found(CHECK, device()) == [("low", "DESKTOP-1 (d1)")]


def test_managed_old_disabled_or_undated() -> None:
    assert found(CHECK, device(managed=True)) == []
    assert found(CHECK, device(registered_at=LONG_AGO)) == []
    assert found(CHECK, device(enabled=False)) == []
    assert found(CHECK, device(registered_at=None)) == []
