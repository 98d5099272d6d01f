from __future__ import annotations

from tasks.measures.cloud.disks_enciphered import DisksEnciphered
from tenantry.capabilities import RegionDefaults
from tests.tasks.measures.cloud.asked import asked


def test_on_and_off() -> None:
    assert asked(DisksEnciphered, RegionDefaults(region="eu-central-1", disks_enciphered=True)) == []
    off = RegionDefaults(region="eu-central-1", disks_enciphered=False)
    assert asked(DisksEnciphered, off) == ["new disks are not enciphered by themselves"]
