"""Log files as streams of text: plain, gz, zip, whole folders; any of the encodings that exports come in.

Nothing is ever read whole. What cannot be read is counted with its reason and the rest goes on: a log that an attacker
or a broken disk cut off is still worth its first half.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from tenantry.errors import InvalidInput

__all__ = ["CHUNK", "Intake", "TextStream", "every", "open_all"]

CHUNK: Final = 1 << 18
"""Bytes read at a time. Most log files are smaller than a megabyte: to clear larger buffers takes longer than to read them."""
_LONGEST_LINE: Final = 64 << 20
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_NESTED: Final = 3
"""How deep archives may lie in each other: exports are zips of gz files; more is a bomb."""
_MOST_NAMED: Final = 200
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError)
"""What damaged or encrypted archives raise."""


@dataclass(slots=True)
class Intake:
    """What happened while reading. ``problems`` names the first few places; the counters count them all."""

    files: int = 0
    files_unreadable: int = 0
    bytes_read: int = 0
    bytes_total: int = 0
    rows_unreadable: int = 0
    recoded: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    progress: Callable[[Intake], None] | None = None
    scratch: Path | None = None
    """Where large archives inside archives are put aside."""
    kin: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    """What a reader remembers of the events of this sweep (:class:`tenantry.sweep.model.Kin`); bounded by the reader."""
    paths: list[Path] = field(default_factory=list)
    """All files that are read, known before the first of them is."""
    organizations: dict[str, str] | None = None
    """What a reader makes of them: account → organisation, where the folders say so."""
    quiet: Callable[[Any, str, float, Any], None] | None = None
    """Takes kin, id, time and record of an event whose kin is `quiet`, which the reader then keeps to itself."""

    def broken_row(self, where: str, why: str) -> None:
        """A row or record that could not be read."""
        self.rows_unreadable += 1
        self._name(where, why)

    def broken_file(self, where: str, why: str) -> None:
        """A file that could not be opened, or not be read to its end."""
        self.files_unreadable += 1
        self._name(where, why)

    def _name(self, where: str, why: str) -> None:
        if len(self.problems) < _MOST_NAMED:
            self.problems.append({"where": where, "why": why})

    def took(self, size: int) -> None:
        """``size`` more bytes were read from disk."""
        self.bytes_read += size
        if self.progress is not None:
            self.progress(self)

    def as_dict(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "files_unreadable": self.files_unreadable,
            "bytes": self.bytes_read,
            "rows_unreadable": self.rows_unreadable,
            "files_in_another_encoding": self.recoded,
            "problems": self.problems,
        }


@dataclass(slots=True)
class TextStream:
    """One file's text.

    Attributes:
        name: the path, with ``!`` before the name inside an archive.
        read: the next piece of text, "" at the end. Never raises for damaged data: that is counted, and the text ends.
    """

    name: str
    read: Callable[[], str]

    def lines(self) -> Iterator[str]:
        """Lines without their ends; a line longer than 64 MB is given in parts."""
        rest = ""
        while piece := self.read():
            rest += piece
            *whole, rest = rest.split("\n")
            for line in whole:
                yield line.removesuffix("\r")
            if len(rest) > _LONGEST_LINE:
                yield rest
                rest = ""
        if rest:
            yield rest.removesuffix("\r")


def every(folder: Path) -> bool:
    """Every folder is looked into."""
    del folder
    return True


def open_all(
    paths: list[Path], intake: Intake, *, skip: tuple[str, ...] = (), into: Callable[[Path], bool] = every
) -> Iterator[TextStream]:
    """The streams of all files, one after the other; each must be used up before the next is asked for.

    Args:
        paths: files and folders; folders are walked in order of name, hidden files left out.
        skip: endings of files in folders that are no logs (digests, notes).
        into: whether a folder of these is looked into.

    Raises:
        InvalidInput: a path does not exist.
    """
    for path in paths:
        if not path.exists():
            raise InvalidInput(f"{path} does not exist", place="PATH")
    files = intake.paths = [file for path in paths for file in _walk(path, skip, into)]
    for file in files:
        try:
            intake.bytes_total += file.stat().st_size
        except OSError as error:
            intake.broken_file(str(file), error.strerror or type(error).__name__)
    for file in files:
        yield from _open(file, intake)


def _walk(path: Path, skip: tuple[str, ...], into: Callable[[Path], bool]) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and into(Path(folder, name)))
        for name in sorted(names):
            if not name.startswith(".") and not name.lower().endswith(skip or ("\0",)):
                yield Path(folder) / name


class _Counted(io.RawIOBase):
    """A file that says how far it was read."""

    def __init__(self, file: IO[bytes], intake: Intake) -> None:
        self._file, self._intake = file, intake

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._intake.took(len(data))
        return len(data)


def _open(file: Path, intake: Intake) -> Iterator[TextStream]:
    try:
        handle = file.open("rb")
    except OSError as error:
        intake.broken_file(str(file), error.strerror or type(error).__name__)
        return
    with handle:
        raw = _buffered(_Counted(handle, intake))
        yield from _streams(str(file), raw, intake, depth=0)


class _AsItComes(io.RawIOBase):
    """A decompressing stream read piece by piece: one that fills whole buffers loses what it had when the data end too soon."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _buffered(raw: Any) -> io.BufferedReader[Any]:
    """A stream with the reads ahead that a peek needs."""
    return io.BufferedReader(raw, CHUNK)


def _streams(name: str, raw: io.BufferedReader[Any], intake: Intake, depth: int) -> Iterator[TextStream]:
    """A file's text, or the texts in it."""
    try:
        head = raw.peek(4)[:4]
    except _BROKEN as error:
        intake.broken_file(name, _why(error))
        return
    if depth > _NESTED:
        intake.broken_file(name, "archives lie too deep in each other")
    elif head[:2] == _GZIP:
        yield from _streams(name, _buffered(_AsItComes(gzip.GzipFile(fileobj=raw))), intake, depth + 1)
    elif head == _ZIP:
        yield from _members(name, raw, intake, depth)
    else:
        intake.files += 1
        yield TextStream(name, _text(name, raw, intake))


def _members(name: str, raw: io.BufferedReader[Any], intake: Intake, depth: int) -> Iterator[TextStream]:
    try:
        archive = zipfile.ZipFile(raw if depth == 0 else _held(raw, intake.scratch))
        members = [member for member in archive.infolist() if not member.is_dir()]
    except _BROKEN as error:
        intake.broken_file(name, _why(error))
        return
    with archive:
        for member in members:
            inner = f"{name}!{member.filename}"
            try:
                opened = archive.open(member)
            except _BROKEN as error:
                intake.broken_file(inner, _why(error))
                continue
            with opened:
                yield from _streams(inner, _buffered(_AsItComes(opened)), intake, depth + 1)


def _held(raw: io.BufferedReader[Any], scratch: Path | None) -> IO[bytes]:
    """An archive inside another, put aside, because its directory stands at its end. Small ones stay in memory."""
    held = tempfile.SpooledTemporaryFile(64 << 20, dir=None if scratch is None else str(scratch))  # noqa: SIM115 - lives as long as the archive that reads it
    shutil.copyfileobj(raw, held, CHUNK)
    held.seek(0)
    return held


def _why(error: BaseException) -> str:
    return f"cannot be read further ({type(error).__name__})"


def _text(name: str, raw: io.BufferedReader[Any], intake: Intake) -> Callable[[], str]:
    """Decodes as it reads. UTF-8 and UTF-16 by their marks or their looks; a byte that is no UTF-8 is taken for Windows'
    Western code page, so that a file in which two programs wrote loses nothing."""
    decoder: codecs.IncrementalDecoder | None = None
    ended = False
    odd = _Odd()

    def read() -> str:
        nonlocal decoder, ended
        while not ended:
            try:
                data = raw.read1(CHUNK)
            except _BROKEN as error:
                intake.broken_file(name, _why(error))
                data = b""
            if decoder is None:
                decoder = _decoder(data, odd)
            ended = not data
            text = decoder.decode(data, final=ended)
            if odd.met and not odd.told:
                odd.told = True
                intake.recoded += 1
            if text:
                return text
        return ""

    return read


class _Odd:
    """Remembers whether bytes of another encoding were met."""

    def __init__(self) -> None:
        self.met = self.told = False


def _decoder(head: bytes, odd: _Odd) -> codecs.IncrementalDecoder:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            odd.met = encoding != "utf-8-sig"
            return codecs.getincrementaldecoder(encoding)("replace")
    for encoding, zero in (("utf-16-le", 1), ("utf-16-be", 0)):
        sample = head[:4096]
        if len(sample) >= 4 and sample[zero::2].count(0) > len(sample) // 2 * 0.7:
            odd.met = True
            return codecs.getincrementaldecoder(encoding)("replace")
    return _Mixed(odd)


class _Mixed(codecs.BufferedIncrementalDecoder):
    """UTF-8 with Windows-1252 where it is none."""

    def __init__(self, odd: _Odd) -> None:
        super().__init__("strict")
        self._odd = odd

    def _buffer_decode(self, data: Any, errors: str, final: bool) -> tuple[str, int]:
        del errors
        done, out = 0, []
        view = bytes(data)
        while True:
            try:
                text, used = codecs.utf_8_decode(view[done:], "strict", final)
            except UnicodeDecodeError as error:
                self._odd.met = True
                start, end = done + error.start, done + error.end
                out.append(view[done:start].decode("utf-8"))
                out.append(view[start:end].decode("cp1252", "replace"))
                done = end
                continue
            out.append(text)
            return "".join(out), done + used
