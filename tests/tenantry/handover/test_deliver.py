"""Packages to a folder: whole, resumable, and never called delivered when a byte is not what was read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import bagit
import pytest

from tenantry.errors import CannotCheck, Conflict, DestinationFull, NotDelivered, Unreachable
from tenantry.handover.deliver import deliver
from tenantry.handover.folder import FolderPlace
from tenantry.handover.source import FolderSource
from tests.tenantry.handover.scenes import HOSTILE, INFO, Crooked, fill

MB = 1024 * 1024


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, Path, Path]:
    return tmp_path / "source", tmp_path / "bag", tmp_path / "work"


async def test_the_library_of_congress_finds_it_whole(scene) -> None:
    source, bag, work = scene
    count = fill(source, large=9 * MB)
    told: list[tuple[int, int]] = []
    receipt = await deliver(FolderSource(source), FolderPlace(bag), work, INFO, progress=lambda *now: told.append(now))
    found = bagit.Bag(str(bag))
    found.validate(processes=1)
    assert found.version_info == (1, 0)
    assert set(found.algorithms) == {"sha256", "sha512"}
    assert receipt.files == count == len(found.payload_entries())
    assert found.info["Payload-Oxum"] == f"{receipt.size}.{count}"
    assert found.info["Contact-Name"] == "Mara Payload-Oxum: 1.1", "a value cannot begin a line of its own"
    assert found.info["Internal-Sender-Identifier"] == "acme"
    assert not (bag / "fetch.txt").exists()
    assert told[-1] == (count, receipt.size) == (count, receipt.sent)
    assert receipt.manifest_sha256 == hashlib.sha256((bag / "tagmanifest-sha256.txt").read_bytes()).hexdigest()


async def test_names_that_somebody_else_chose(scene) -> None:
    source, bag, work = scene
    fill(source)
    await deliver(FolderSource(source), FolderPlace(bag), work, INFO)
    names = [path.relative_to(bag).as_posix() for path in bag.rglob("*") if path.is_file()]
    assert len({name.casefold() for name in names}) == len(names), "no two differ in case alone"
    assert not any(c in name for name in names for c in '%\n\r\t\\:*?"<>|\u202e')
    assert not any(part[-1] in ". " or part[0] in " -" for name in names for part in name.split("/"))
    rows = [json.loads(line) for line in (bag / "original-names.jsonl").read_text().splitlines()]
    back = {row["path"]: __import__("base64").b64decode(row["original_base64"]) for row in rows}
    for number, original in enumerate(HOSTILE):
        path = next((path for path, name in back.items() if name == original), f"data/{os.fsdecode(original)}")
        assert (bag / path).read_bytes() == b"content %d" % number, original
    left = [json.loads(line) for line in (bag / "left-out.jsonl").read_text().splitlines()]
    assert {(row["original"], row["why"]) for row in left} == {("link", "link"), ("nothing", "empty folder")}


async def test_after_a_stop_at_most_one_part_is_sent_again(scene) -> None:
    source, bag, work = scene
    fill(source, large=5 * MB + 17)
    crooked = Crooked(FolderPlace(bag))
    crooked.stop_after = 12
    with pytest.raises(Unreachable):
        await deliver(FolderSource(source), crooked, work, INFO)
    assert not (bag / "bagit.txt").exists(), "what was interrupted is no package"
    before = list(crooked.sent)
    crooked.stop_after = None
    receipt = await deliver(FolderSource(source), crooked, work, INFO)
    assert receipt.sent + sum(size for _, size in before) - receipt.size <= 8 * MB, "what was on its way"
    bagit.Bag(str(bag)).validate(processes=1)


@pytest.mark.parametrize("parts", [1, 3])
async def test_a_large_file_is_taken_up_where_it_was(scene, parts: int, monkeypatch) -> None:
    source, bag, work = scene
    source.mkdir()
    (source / "large.bin").write_bytes(os.urandom(5 * MB + 17))
    monkeypatch.setattr("tenantry.handover.folder._PART", MB)
    crooked = Crooked(FolderPlace(bag))
    crooked.stop_after = parts
    with pytest.raises(Unreachable):
        await deliver(FolderSource(source), crooked, work, INFO)
    crooked.stop_after = None
    receipt = await deliver(FolderSource(source), crooked, work, INFO)
    assert receipt.sent == receipt.size - parts * MB
    bagit.Bag(str(bag)).validate(processes=1)


async def test_a_large_file_whose_beginning_changed_is_not_put_together_of_two(scene, monkeypatch) -> None:
    source, bag, work = scene
    source.mkdir()
    content = bytearray(os.urandom(4 * MB))
    (source / "large.bin").write_bytes(content)
    monkeypatch.setattr("tenantry.handover.folder._PART", MB)
    # Whoever sets the times back as well is not seen by them: only the digests of what was sent tell.
    monkeypatch.setattr("tenantry.handover.source._stamp", lambda found: str(found.st_size))
    crooked = Crooked(FolderPlace(bag))
    crooked.stop_after = 2
    with pytest.raises(Unreachable):
        await deliver(FolderSource(source), crooked, work, INFO)
    content[5] ^= 1
    (source / "large.bin").write_bytes(content)
    crooked.stop_after = None
    with pytest.raises(NotDelivered) as caught:
        await deliver(FolderSource(source), crooked, work, INFO)
    assert "large.bin" in caught.value.problems[0]
    assert "source_changed" in caught.value.problems[0]


async def test_a_file_that_is_written_on_is_found_and_stops_no_other(scene) -> None:
    source, bag, work = scene
    count = fill(source)

    class Writing(FolderSource):
        async def piece(self, item, offset, length):
            if item.parts == (b"Case",):
                with (source / "Case").open("ab") as file:
                    file.write(b"more")
            return await super().piece(item, offset, length)

    crooked = Crooked(FolderPlace(bag))
    with pytest.raises(NotDelivered) as caught:
        await deliver(Writing(source), crooked, work, INFO)
    assert any(line.startswith("Case:") for line in caught.value.problems)
    assert len(crooked.sent) == count - 1
    assert not (bag / "bagit.txt").exists()


@pytest.mark.parametrize("how", ["changed", "new", "gone"])
async def test_a_source_that_changes_behind_us_is_found_at_the_end(scene, how: str) -> None:
    source, bag, work = scene
    fill(source)
    place = FolderPlace(bag)
    real, once = place.put, []

    async def put(name: str, data: bytes) -> None:
        await real(name, data)
        if name == "data/case" or name.startswith("data/case~~"):
            once.append(name)
            {
                "changed": lambda: (source / "case").write_bytes(b"other"),
                "new": lambda: (source / "new").write_bytes(b""),
                "gone": (source / "case").unlink,
            }[how]()

    place.put = put
    with pytest.raises(NotDelivered) as caught:
        await deliver(FolderSource(source), place, work, INFO)
    assert once
    assert any(line.startswith("new:" if how == "new" else "case:") for line in caught.value.problems)


async def test_a_destination_that_is_full(scene) -> None:
    source, bag, work = scene
    fill(source)
    crooked = Crooked(FolderPlace(bag))
    crooked.room = 100
    with pytest.raises(DestinationFull, match="no room for ") as caught:
        await deliver(FolderSource(source), crooked, work, INFO)
    assert caught.value.detail["file"]
    crooked.room = None
    await deliver(FolderSource(source), crooked, work, INFO)
    bagit.Bag(str(bag)).validate(processes=1)


async def test_bytes_that_arrive_otherwise_are_named(scene) -> None:
    source, bag, work = scene
    fill(source)
    crooked = Crooked(FolderPlace(bag))
    crooked.spoil = "data/deep/~2E~2E~2E/~43ON/leaf"
    with pytest.raises(NotDelivered) as caught:
        await deliver(FolderSource(source), crooked, work, INFO)
    assert [line.split(":")[0] for line in caught.value.problems] == ["deep/.../CON/leaf"]
    assert "not_verified" in caught.value.problems[0]
    crooked.spoil = ""
    await deliver(FolderSource(source), crooked, work, INFO)


async def test_a_manifest_that_arrives_otherwise_is_named(scene) -> None:
    source, bag, work = scene
    fill(source)
    crooked = Crooked(FolderPlace(bag))
    crooked.spoil = "manifest-sha512.txt"
    with pytest.raises(NotDelivered, match=r"manifest-sha512\.txt"):
        await deliver(FolderSource(source), crooked, work, INFO)


@pytest.mark.parametrize("how", ["extra", "missing"])
async def test_what_lies_there_is_exactly_the_package(scene, how: str) -> None:
    source, bag, work = scene
    fill(source)

    class Meddled(Crooked):
        def listing(self):
            if (bag / "tagmanifest-sha512.txt").exists():
                (bag / "data" / "extra").write_bytes(b"") if how == "extra" else (bag / "data" / "empty").unlink()
            return super().listing()

    with pytest.raises(NotDelivered, match="extra" if how == "extra" else "1 files are not"):
        await deliver(FolderSource(source), Meddled(FolderPlace(bag)), work, INFO)


async def test_nothing_of_somebody_elses_is_mixed_in_or_replaced(scene, tmp_path: Path) -> None:
    source, bag, work = scene
    fill(source)
    bag.mkdir()
    (bag / "theirs").write_text("x")
    with pytest.raises(Conflict, match="theirs"):
        await deliver(FolderSource(source), FolderPlace(bag), work, INFO)
    (bag / "theirs").unlink()
    await deliver(FolderSource(source), FolderPlace(bag), work, INFO)
    with pytest.raises(Conflict, match="goes to"):
        await deliver(FolderSource(source), FolderPlace(tmp_path / "other"), work, INFO)


async def test_delivered_again_sends_nothing_and_says_the_same(scene) -> None:
    source, bag, work = scene
    fill(source)
    first = await deliver(FolderSource(source), FolderPlace(bag), work, INFO)
    crooked = Crooked(FolderPlace(bag))
    second = await deliver(FolderSource(source), crooked, work, INFO)
    assert crooked.sent == []
    assert second.manifest_sha256 == first.manifest_sha256


async def test_a_source_that_cannot_be_read_is_no_smaller_package(scene) -> None:
    source, bag, work = scene
    with pytest.raises(CannotCheck):
        await deliver(FolderSource(source), FolderPlace(bag), work, INFO)
