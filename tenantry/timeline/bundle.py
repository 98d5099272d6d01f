"""A run's evidence as one folder to hand over: the record, what was collected, the timeline in every format, checksums.

::

    README.txt            what this is and how to check it, in plain words
    run.json              the run as `tenantry runs show --json` prints it
    entries.jsonl         the run's entries, byte for byte as hashed into the record's tree
    payloads.jsonl        what the entries stand for, decrypted: {id, seq, event, salt, payload}
    evidence/             the files that steps collected, decrypted, under their names
    evidence.json         which file is which: {file, name, sha256, size, rows, step, at}
    timeline/             the timeline in every format
    proof/                signed checkpoints, proofs, keys, time stamps (:mod:`tenantry.timeline.proofs`)
    SHA256SUMS            of all of the above; `sha256sum -c SHA256SUMS`
    attestation.dsse.json signed statement over SHA256SUMS and the run (DSSE, in-toto)

What is written is checked as a stranger would check it before it is signed.

The folder is made under another name beside its place and moved there when it is whole and on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput, NotProven, RecordError
from tenantry.evidence import EvidenceStore, json_line
from tenantry.masterkey import sync_folder
from tenantry.proof.check import ATTESTATION, BUNDLE, check_bundle
from tenantry.proof.dsse import statement
from tenantry.timeline.formats import FORMATS
from tenantry.timeline.model import EvidenceRow, Timeline
from tenantry.timeline.proofs import proof_files, prove_run, run_predicate, with_checkpoint
from tenantry.timeline.readme import readme

if TYPE_CHECKING:
    from tenantry.journal import Ledger, Record

__all__ = ["Bundle", "export_evidence"]

_LONGEST = 80
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z", re.I)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was written. ``files`` counts all but SHA256SUMS."""

    folder: Path
    files: int
    entries: int
    evidence: int
    events: int


def export_evidence(
    folder: Path,
    *,
    timeline: Timeline,
    records: Sequence[Record],
    run: Mapping[str, Any],
    store: EvidenceStore,
    ledger: Ledger,
) -> Bundle:
    """Write the bundle of one run.

    Args:
        folder: where to; made when it is missing. It may exist, empty.
        timeline: of the run.
        records: everything recorded of the run, in order.
        run: the run's view (``Run`` of the command line's contract).
        store: where collected evidence lies.
        ledger: signs the client's record, and the bundle.

    Raises:
        RolledBack: the record lacks what was signed before; NotProven: what was written does not verify. Nothing is signed.
        InvalidInput: the folder is not empty, is a file, or cannot be written to.
        RecordError: a piece of evidence is missing or damaged, or the disk failed; nothing is left behind.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100  # resolve() would follow a link and write beside its target
    _refuse_used(folder)
    proven = prove_run(ledger, timeline.tenant, records)
    timeline = with_checkpoint(timeline, proven)
    with _writing(folder) as making:
        writer = _Writer(making)
        writer.file("run.json", lambda out: out.write(json.dumps(run, ensure_ascii=False, indent=2).encode() + b"\n"))
        writer.file("entries.jsonl", lambda out: _lines(out, (record.entry.body + b"\n" for record in records)))
        writer.file("payloads.jsonl", lambda out: _lines(out, map(_payload, records)))
        index = []
        for row, name in _named(timeline.evidence):
            writer.file(f"evidence/{name}", partial(_copy, store, timeline.tenant, row.sha256))
            index.append({"file": f"evidence/{name}", **_described(row)})
        writer.file(
            "evidence.json", lambda out: out.write(json.dumps(index, ensure_ascii=False, indent=2).encode() + b"\n")
        )
        events = 0
        for format in FORMATS.values():
            events = writer.file(f"timeline/timeline{format.suffix}", partial(format.export, timeline))
        for name, content in proof_files(proven):
            writer.file(name, partial(_bytes, content))
        writer.file("README.txt", lambda out: out.write(readme(timeline, proven, len(records), len(index)).encode()))
        sums = writer.sums()
        _refuse_wrong(making)
        said = statement(BUNDLE, {"SHA256SUMS": sums}, run_predicate(timeline, records, proven, len(index)))
        writer.file(ATTESTATION, partial(_bytes, ledger.attest(said, proven.estate.epoch)), listed=False)
        writer.sync()
        return Bundle(folder, len(writer.digests), len(records), len(index), events)


def _refuse_used(folder: Path) -> None:
    try:
        used = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read ({error.strerror})", place="-o") from error
    if used:
        raise InvalidInput(
            f"{folder} is not an empty folder", place="-o", remedy="Name a folder that does not exist yet, or is empty."
        )


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[Path]:
    """A folder beside the target, moved to its place when everything is in it; removed when something went wrong."""
    making = folder.parent / f".{folder.name}.{secrets.token_hex(8)}.tmp"
    try:
        making.mkdir(mode=0o700, parents=True)
        try:
            yield making
            if folder.exists():
                folder.rmdir()  # empty, or this refuses
            making.rename(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        raise RecordError(
            f"cannot write the bundle: {error.strerror}",
            remedy="Free the disk or choose another folder with -o; nothing was left behind.",
            file=str(error.filename or folder),
        ) from error


class _Writer:
    """Writes files durably and remembers their digests."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.digests: dict[str, str] = {}

    def file(self, name: str, fill: Callable[[BinaryIO], int], *, listed: bool = True) -> int:
        """Write one file, for SHA256SUMS unless not ``listed``; what ``fill`` returns."""
        path = self._root / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as file:
            hashing = _Hashing(file)
            result = fill(hashing)  # type: ignore[arg-type]  # formats only write
            file.flush()
            os.fsync(file.fileno())
        if listed:
            self.digests[name] = hashing.digest.hexdigest()
        return result

    def sums(self) -> str:
        """Write SHA256SUMS; its own digest. As coreutils' ``sha256sum`` writes and checks it; names hold nothing that it would escape."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.digests.items()))
        path = self._root / "SHA256SUMS"
        with path.open("xb") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        return hashlib.sha256(lines.encode()).hexdigest()

    def sync(self) -> None:
        """Make the names durable too."""
        for folder in [self._root, *(p for p in self._root.rglob("*") if p.is_dir())]:
            sync_folder(folder)


class _Hashing:
    """A file that is only written to, with the digest of what was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)


def _lines(out: BinaryIO, lines: Iterable[bytes]) -> int:
    return sum(out.write(line) for line in lines)


def _bytes(content: bytes, out: BinaryIO) -> int:
    return out.write(content)


def _refuse_wrong(folder: Path) -> None:
    """Nothing is attested that does not verify. Raises NotProven."""
    report = check_bundle(folder, attested=False)
    if report.first_bad is not None:
        raise NotProven(
            f"{report.first_bad['file']} of the bundle does not verify: {report.first_bad['why']}",
            remedy="Nothing was signed; find out with `tenantry journal verify` what was changed.",
        )


def _copy(store: EvidenceStore, tenant: str, sha256: str, out: BinaryIO) -> int:
    return _lines(out, store.open(tenant, sha256))


def _payload(record: Record) -> bytes:
    """The payload with the entry it belongs to, and the salt that the entry's digest begins with; ``null`` when it was erased."""
    salt = record.salt.hex() if record.salt is not None else None
    return json_line(
        {
            "id": record.entry.id,
            "seq": record.entry.seq,
            "event": record.event,
            "salt": salt,
            "payload": record.payload,
        }
    )


def _described(row: EvidenceRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "sha256": row.sha256,
        "size": row.size,
        "rows": row.rows,
        "step": row.step,
        "at": rfc3339(row.at),
    }


# --- names ------------------------------------------------------------------------------------------------------------


def _named(rows: Iterable[EvidenceRow]) -> Iterator[tuple[EvidenceRow, str]]:
    """A path inside the bundle for each piece: its name made harmless; different bytes never share one."""
    taken: dict[str, str] = {}
    for row in rows:
        parts = [_harmless(part) for part in row.name.split("/") if part not in ("", ".", "..")]
        name = "/".join(parts[:8]) or "file"
        key = unicodedata.normalize("NFC", name).casefold()  # some file systems tell neither case nor form apart
        if key in taken:
            if taken[key] == row.sha256:
                continue
            stem, dot, suffix = name.rpartition(".")
            name = f"{stem}.{row.sha256[:12]}.{suffix}" if dot and "/" not in suffix else f"{name}.{row.sha256[:12]}"
            key = name.casefold()
            if key in taken:
                continue
        taken[key] = row.sha256
        yield row, name


def _harmless(part: str) -> str:
    """A file name on every system: letters, digits and ``._-@``, not hidden, not reserved, not too long."""
    name = "".join(c if c.isalnum() or c in "._-@" else "_" for c in unicodedata.normalize("NFC", part))
    name = name.strip("._ ") or "file"
    if len(name.encode()) > _LONGEST:
        stem, dot, suffix = name.rpartition(".")
        tail = f".{suffix}" if dot and len(suffix) <= 10 else ""
        cut = (stem if tail else name).encode()[: _LONGEST - 20 - len(tail)].decode("utf-8", "ignore")
        name = f"{cut}-{hashlib.sha256(part.encode('utf-8', 'replace')).hexdigest()[:12]}{tail}"
    return f"_{name}" if _RESERVED.match(name) else name
