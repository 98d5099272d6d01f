"""Packages by SFTP, to a real sshd."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import bagit
import pytest

from integrations.linux.place import SftpPlace
from tenantry.errors import Conflict, DestinationFull, NotDelivered, PermissionMissing, Unreachable
from tenantry.handover.deliver import deliver
from tenantry.handover.source import FolderSource
from tests.support.hosts import HostNet
from tests.tenantry.handover.scenes import INFO, Crooked, fill

MB = 1024 * 1024


@pytest.fixture(scope="module")
def net(net: HostNet) -> HostNet:
    net.hosts["web1"].run("mkdir -p /tmp/small && mount -t tmpfs -o size=12m,mode=1777 tmpfs /tmp/small")
    return net


@pytest.fixture
async def place(handle, tmp_path: Path) -> AsyncIterator[SftpPlace]:
    made = handle.place("web1", f"/tmp/{tmp_path.name}/hand over")
    yield made
    await made.aclose()


def received(net: HostNet, tmp_path: Path) -> Path:
    """The host's files, past ssh."""
    root = Path(f"/proc/{net.hosts['web1'].pid}/root")
    return root / "tmp" / tmp_path.name / "hand over"


async def test_a_package_arrives_whole(net: HostNet, place: SftpPlace, tmp_path: Path) -> None:
    fill(tmp_path / "source", large=9 * MB)
    await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
    bagit.Bag(str(received(net, tmp_path))).validate(processes=1)


async def test_a_place_whose_connection_broke_is_closed(place: SftpPlace, handle) -> None:
    await place.put("a", b"a")
    handle._connections["web1"]._opened.transport.sock.close()
    await place.aclose()


async def test_a_connection_that_broke_in_a_large_file_costs_a_part_at_most(
    net: HostNet, place: SftpPlace, handle, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_bytes(os.urandom(17 * MB))

    class Breaking(Crooked):
        async def part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:
            if number == 2 and not self.stop_after:
                await self.real.part(name, token, number, offset, data[: len(data) // 2])
                handle._connections["web1"]._opened.transport.sock.close()
                self.stop_after = 1
                raise Unreachable("gone")
            await super().part(name, token, number, offset, data)

    crooked = Breaking(place)
    with pytest.raises(Unreachable):
        await deliver(FolderSource(tmp_path / "source"), crooked, tmp_path / "work", INFO)
    receipt = await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
    assert receipt.sent == 1 * MB
    bagit.Bag(str(received(net, tmp_path))).validate(processes=1)


async def test_a_file_that_changed_before_the_rest_of_it_was_sent_is_named(
    net: HostNet, place: SftpPlace, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_bytes(os.urandom(9 * MB))
    crooked = Crooked(place)
    crooked.stop_after = 1
    with pytest.raises(Unreachable):
        await deliver(FolderSource(tmp_path / "source"), crooked, tmp_path / "work", INFO)
    with (tmp_path / "source" / "large").open("r+b") as file:
        file.write(b"changed")
    with pytest.raises(NotDelivered, match=r"large: .*source_changed"):
        await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
    assert not (received(net, tmp_path) / "bagit.txt").exists(), "what is not whole is no package"


async def test_a_disk_that_fills_in_a_large_file(handle, net: HostNet, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_bytes(os.urandom(17 * MB))
    place = handle.place("web1", "/tmp/small/bag")
    try:
        with pytest.raises(DestinationFull) as caught:
            await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
        assert caught.value.message == f"{place.label} is full: no room for large"
        there = Path(f"/proc/{net.hosts['web1'].pid}/root") / "tmp" / "small" / "bag"
        assert (there / "data" / "large").stat().st_size > 8 * MB, "it stopped in the middle of the second part"
        assert not (there / "bagit.txt").exists(), "what is not whole is no package"
        net.hosts["web1"].run("mount -o remount,size=40m /tmp/small")
        receipt = await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
        bagit.Bag(str(there)).validate(processes=1)
    finally:
        await place.aclose()
    assert (receipt.size, receipt.sent) == (17 * MB, 9 * MB), "the part that did not fit, and what comes after it"


async def test_a_file_that_is_another_there_is_named(net: HostNet, place: SftpPlace, tmp_path: Path) -> None:
    fill(tmp_path / "source")
    real = place.put

    async def put(name: str, data: bytes) -> None:
        await real(name, data)
        if name == "data/deep/~2E~2E~2E/~43ON/leaf":
            (received(net, tmp_path) / name).write_bytes(b"loaf")

    place.put = put
    with pytest.raises(NotDelivered, match="leaf: "):
        await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)


async def test_what_may_not_be_written_is_said(handle, tmp_path: Path) -> None:
    fill(tmp_path / "source")
    place = handle.place("web1", "/etc/ours")
    try:
        with pytest.raises(PermissionMissing):
            await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
    finally:
        await place.aclose()


async def test_somebody_elses_folder_is_left_alone(net: HostNet, place: SftpPlace, tmp_path: Path) -> None:
    fill(tmp_path / "source")
    net.hosts["web1"].run(
        f"mkdir -p '/tmp/{tmp_path.name}/hand over/old' && touch '/tmp/{tmp_path.name}/hand over/old/x'"
    )
    with pytest.raises(Conflict, match="old/x"):
        await deliver(FolderSource(tmp_path / "source"), place, tmp_path / "work", INFO)
