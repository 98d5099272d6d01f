"""Files as they come: compressed, nested, cut off, in any encoding. Nothing raises, nothing is lost that could be read."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidInput
from tenantry.sweep.logs.files import Intake, open_all

FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def texts(path: Path, intake: Intake | None = None) -> dict[str, str]:
    found = {}
    for stream in open_all([path], intake or Intake()):
        pieces = []
        while piece := stream.read():
            pieces.append(piece)
        found[stream.name] = "".join(pieces)
    return found


def test_folders_archives_and_archives_in_archives(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("one")
    (tmp_path / ".hidden").write_text("no")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.json.gz").write_bytes(gzip.compress(b"two") + gzip.compress(b"-and more"))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep.json", "four")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("x/three.json.gz", gzip.compress(b"three"))
        archive.writestr("inner.zip", inner.getvalue())
    intake = Intake()
    assert sorted(texts(tmp_path, intake).values()) == ["four", "one", "three", "two-and more"]
    assert intake.files == 4
    assert intake.files_unreadable == 0
    assert intake.bytes_read > 0


def test_what_is_cut_off_is_read_so_far_and_counted(tmp_path: Path) -> None:
    lines = "".join(f"line {number}\n" for number in range(50_000))
    whole = gzip.compress(lines.encode())
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04nothing of the kind")
    intake = Intake()
    found = texts(tmp_path, intake)
    (text,) = found.values()
    assert lines.startswith(text)
    assert len(text) > 1000
    assert intake.files_unreadable == 2
    assert {problem["where"].rpartition("/")[2] for problem in intake.problems} == {"cut.gz", "broken.zip"}


def test_an_encrypted_member_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", "x" * 100)
        archive.writestr("b.json", "y")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(bytes(data))
    intake = Intake()
    assert list(texts(tmp_path, intake).values()) == ["y"]
    assert intake.files_unreadable == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = '{"UserId": "jörg@acme.example", "Name": "Überweisung €"}\n' * 50
    (tmp_path / "log.json").write_bytes(text.encode(encoding))
    (found,) = texts(tmp_path).values()
    assert found.lstrip("\ufeff") == text


def test_two_encodings_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_bytes("é UTF-8\n".encode() + "é Windows\n".encode("cp1252") + "ü again\n".encode())
    intake = Intake()
    assert list(texts(tmp_path, intake).values()) == ["é UTF-8\né Windows\nü again\n"]
    assert intake.recoded == 1


@FEW
@given(st.binary(max_size=3000))
def test_any_bytes_are_some_text(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "file").write_bytes(data)
    texts(folder)  # whatever it is, nothing is raised


@FEW
@given(st.text(max_size=500))
def test_text_survives_in_pieces(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    if data[:2] in (b"\x1f\x8b", b"PK", b"\xff\xfe", b"\xfe\xff") or data.count(0) > len(data) / 4 or "\ufeff" in text:
        return  # looks like another kind of file, and is taken for one
    try:
        data.decode()
    except UnicodeDecodeError:
        return
    folder = tmp_path_factory.mktemp("text")
    (folder / "file").write_bytes(data)
    assert "".join(texts(folder).values()) == text


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="PATH"):
        list(open_all([tmp_path / "nowhere"], Intake()))
