"""Checking an evidence bundle with nothing but the folder and the keys that the verifier brings.

What is shown, in this order: the attestation is signed with a trusted key, of the right epoch; SHA256SUMS is the one attested,
and every file the one in it; both checkpoints are signed with the keys in force when they were made, and the attestation with the one
of the estate's; the client's checkpoint is witnessed in the estate's tree; every entry is in the client's tree; every payload is
the entry's own; every collected file is one that an entry names; earlier checkpoints and time stamps belong to the same tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from tenantry.errors import InvalidInput, NotProven
from tenantry.journal.checkpoints import WITNESSED
from tenantry.journal.entry import canonical, leaf_hash
from tenantry.proof import merkle
from tenantry.proof.dsse import open_statement
from tenantry.proof.note import Checkpoint, open_note, parse_note
from tenantry.proof.timestamp import stamps
from tenantry.proof.trust import TrustStore, parse_keys

__all__ = ["ATTESTATION", "BUNDLE", "BundleReport", "check_bundle"]

BUNDLE: Final = "urn:tenantry:evidence-bundle:v1"
"""Predicate type of the statement over a bundle."""
ATTESTATION: Final = "attestation.dsse.json"
SUMS: Final = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\x00-\x1f\\]+)\Z")
_CHUNK: Final = 1 << 20


@dataclass
class BundleReport:
    """What was found.

    Attributes:
        first_bad: ``{file, line, why}``; line is None where it is not one line.
        signer: ``established``: signed with a key that was brought; ``not_established``: only with the bundle's own.
        unproven: what a check could not cover, in words.
    """

    run_id: str | None = None
    entries: int = 0
    payloads_erased: int = 0
    evidence: int = 0
    files: int = 0
    earlier: int = 0
    timestamps: int = 0
    checkpoint: dict[str, Any] | None = None
    key: str | None = None
    epoch: int | None = None
    signer: str = "not_established"
    first_bad: dict[str, Any] | None = None
    unproven: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong; says nothing of who signed."""
        return self.first_bad is None


class _Bad(Exception):  # not a failure of ours: it is the result
    def __init__(self, file: str, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.found = {"file": file, "line": line, "why": why}


def _bad(file: str, why: str, line: int | None = None) -> NoReturn:
    raise _Bad(file, why, line)


def check_bundle(
    folder: Path, trust: TrustStore | None = None, *, earlier: bytes | None = None, attested: bool = True
) -> BundleReport:
    """Check a bundle.

    Args:
        trust: the keys that the verifier brings; None: only the bundle's own, which prove nothing of who signed.
        earlier: a signed checkpoint received before, which this bundle's must be consistent with.
        attested: False while the bundle is being made and is not signed yet.

    Raises:
        InvalidInput: the folder is none, or cannot be read.
    """
    if not folder.is_dir():
        raise InvalidInput(
            "is no folder", place=str(folder), remedy="Name the folder that `tenantry evidence export` made."
        )
    report = BundleReport()
    try:
        _Check(folder, trust, report).run(earlier, attested=attested)
    except _Bad as bad:
        report.first_bad = bad.found
    except OSError as error:
        raise InvalidInput(f"cannot be read ({error.strerror})", place=str(error.filename or folder)) from error
    if report.first_bad is not None:
        report.signer = "not_established"
    return report


class _Check:
    def __init__(self, folder: Path, trust: TrustStore | None, report: BundleReport) -> None:
        self.folder = folder
        self.report = report
        self.brought = trust
        self.keys = trust or TrustStore({})
        self.sums: dict[str, str] = {}
        self.attested_by = b""
        self.estate_key = b""
        """The key that must have signed the estate's checkpoint, and so the statement that rests on it."""

    def run(self, earlier: bytes | None, *, attested: bool) -> None:
        own = self._own_keys()
        statement = self._attestation(own) if attested else None
        self._files(statement)
        checkpoint, root_index = self._checkpoints(own)
        if statement is not None and self.attested_by != self.estate_key:
            _bad(ATTESTATION, "it is signed with another key than the one in force when the record was signed")
        self._entries(checkpoint)
        self._earlier(checkpoint, own, earlier, root_index)
        self._timestamps()
        if statement is not None:
            self._predicate(statement, checkpoint)

    # --- who signed ---------------------------------------------------------------------------------------------------

    def _own_keys(self) -> TrustStore:
        """The keys in the bundle. They count for nothing but to say whether the rest hangs together."""
        try:
            return parse_keys(json.loads(self._read("proof/keys.json")))
        except (ValueError, KeyError, TypeError):
            _bad("proof/keys.json", "it is no key file")

    def _attestation(self, own: TrustStore) -> dict[str, Any]:
        content = self._read(ATTESTATION)
        candidates = self._candidates(own)
        try:
            said, public = open_statement(content, candidates)
        except (NotProven, InvalidInput) as error:
            if self.brought is not None and self._signed_by_own(content, own):
                _bad(ATTESTATION, "it is signed with a key that is not among those brought")
            _bad(ATTESTATION, error.message)
        self.attested_by = public
        self.report.key = TrustStore.known(self.keys if self.brought else own, public).fingerprint  # type: ignore[union-attr]  # it is one of the candidates
        if self.brought is not None:
            self.report.signer = "established"
        if said["predicateType"] != BUNDLE:
            _bad(ATTESTATION, "it attests something else")
        return said

    def _candidates(self, own: TrustStore) -> list[bytes]:
        store = self.keys if self.brought is not None else own
        return [key.public for keys in store.keys.values() for key in keys]

    @staticmethod
    def _signed_by_own(content: bytes, own: TrustStore) -> bool:
        try:
            open_statement(content, [key.public for keys in own.keys.values() for key in keys])
        except (NotProven, InvalidInput):
            return False
        return True

    def _key_at(self, origin: str, index: int, own: TrustStore, file: str, note: bytes | None = None) -> bytes:
        """The key that must have signed what lies at that place of the estate's tree: ``note``, by default all of ``file``."""
        store = self.keys if self.brought is not None else own
        key = store.key_at(origin, index)
        if key is not None:
            return key.public
        bare = store.bare()
        if not bare:
            _bad(file, f"no key that was brought was in force for {origin} then")
        # Only keys were brought, not their epochs: any of them may have signed.
        limit = "only the key was brought, not its epoch: whether it was in force then is not shown"
        if limit not in self.report.unproven:
            self.report.unproven.append(limit)
        content = self._read(file) if note is None else note
        for one in bare:
            try:
                open_note(content, one.public)
            except (NotProven, InvalidInput):
                continue
            return one.public
        return bare[0].public

    # --- files --------------------------------------------------------------------------------------------------------

    def _read(self, name: str) -> bytes:
        path = self.folder / name
        if path.is_symlink() or not path.is_file():
            _bad(name, "it is missing")
        return path.read_bytes()

    def _files(self, statement: dict[str, Any] | None) -> None:
        sums = self._read(SUMS)
        if statement is not None:
            digests = {one["name"]: one["digest"] for one in statement["subject"]}
            if digests.get(SUMS) != {"sha256": hashlib.sha256(sums).hexdigest()}:
                # Which of the files it was, when only one line differs, the files themselves tell below.
                self._against(sums)
                _bad(SUMS, "it is not the one attested")
        self._against(sums)

    def _against(self, sums: bytes) -> None:
        self.sums = {}
        for number, line in enumerate(_lines(sums, SUMS), 1):
            match = _LINE.match(line)
            if match is None or match[2] in self.sums or not _inside(match[2]):
                _bad(SUMS, "this line is no checksum", number)
            self.sums[match[2]] = match[1]
        for name, digest in self.sums.items():
            path = self.folder / name
            if path.is_symlink() or not path.is_file():
                _bad(name, "it is missing")
            if _digest(path) != digest:
                _bad(name, "it was changed")
        for path in _walk(self.folder):
            name = path.relative_to(self.folder).as_posix()
            if name not in self.sums and name not in (SUMS, ATTESTATION):
                _bad(name, "it was added")
        self.report.files = len(self.sums)

    # --- the trees ----------------------------------------------------------------------------------------------------

    def _checkpoints(self, own: TrustStore) -> tuple[Checkpoint, int]:
        witness = self._json("proof/witness.json")
        try:
            index, path = int(witness["index"]), _hashes(witness["path"])
            body = witness["entry"].encode()
            fields, payload = json.loads(body), witness["payload"]
            salted = bytes.fromhex(witness["salt"]) + canonical(payload)
        except (ValueError, KeyError, TypeError, AttributeError):
            _bad("proof/witness.json", "it is no witness")
        estate_note, note = self._read("proof/estate.txt"), self._read("proof/checkpoint.txt")
        try:
            claimed = parse_note(estate_note).checkpoint
        except InvalidInput as error:
            _bad("proof/estate.txt", error.message)
        origin = claimed.origin.partition("/")[0]
        self.estate_key = self._key_at(origin, claimed.size - 1, own, "proof/estate.txt")
        estate = self._open("proof/estate.txt", estate_note, self.estate_key)
        key = self._key_at(origin, index, own, "proof/checkpoint.txt")
        checkpoint = self._open("proof/checkpoint.txt", note, key)
        leaf = leaf_hash(body)
        if not merkle.included(leaf, index, estate.size, path, estate.root) or fields.get("seq") != index:
            _bad("proof/witness.json", "the witness is not in the estate's tree")
        if fields["event"] != WITNESSED or hashlib.sha256(salted).hexdigest() != fields["payload_digest"]:
            _bad("proof/witness.json", "what the witness says is not what was recorded")
        tree = checkpoint.origin.partition("/")[2]
        said = {"tree": tree, "size": checkpoint.size, "root": checkpoint.root.hex()}
        if {name: payload.get(name) for name in said} != said or checkpoint.origin != f"{origin}/{tree}":
            _bad("proof/checkpoint.txt", "it is not the one that was witnessed")
        found = self.keys.key_at(origin, index) or own.key_at(origin, index)
        self.report.epoch = found.epoch if found else None
        self.report.checkpoint = {**said, "origin": checkpoint.origin, "witnessed_at": fields["ts"]}
        return checkpoint, index

    def _open(self, file: str, note: bytes, public: bytes) -> Checkpoint:
        try:
            return open_note(note, public)
        except (NotProven, InvalidInput) as error:
            _bad(file, error.message)

    def _entries(self, checkpoint: Checkpoint) -> None:
        lines = _lines(self._read("entries.jsonl"), "entries.jsonl")
        proofs = self._rows("proof/inclusion.jsonl")
        payloads = self._rows("payloads.jsonl")
        for name, rows in (("proof/inclusion.jsonl", proofs), ("payloads.jsonl", payloads)):
            if len(rows) != len(lines):
                _bad(name, f"it has {len(rows)} lines for {len(lines)} entries", min(len(rows), len(lines)) + 1)
        collected: set[str] = set()
        tree, before = checkpoint.origin.partition("/")[2], -1
        for number, (line, proof, payload) in enumerate(zip(lines, proofs, payloads, strict=True), 1):
            leaf = leaf_hash(line.encode())
            try:
                fields = json.loads(line)
                index, path = proof["index"], _hashes(proof["path"])
                run_id, seq = fields["run_id"], fields["seq"]
            except (ValueError, KeyError, TypeError):
                _bad("entries.jsonl", "it is no entry", number)
            self.report.run_id = self.report.run_id or run_id
            if not merkle.included(leaf, index, checkpoint.size, path, checkpoint.root) or proof["leaf"] != leaf.hex():
                _bad("entries.jsonl", "the entry is not in the client's tree", number)
            if seq != index or fields["tree"] != tree or run_id != self.report.run_id or seq <= before:
                _bad("entries.jsonl", "the entry is out of order, or of another run", number)
            before = seq
            self._payload(fields, payload, number, collected)
        if not lines or json.loads(lines[0])["event"] != "run.created":
            _bad("entries.jsonl", "the run's first entry is missing", 1)
        self.report.entries = len(lines)
        self._evidence(collected)

    def _payload(self, fields: dict[str, Any], row: dict[str, Any], number: int, collected: set[str]) -> None:
        if (row.get("id"), row.get("seq"), row.get("event")) != (fields["id"], fields["seq"], fields["event"]):
            _bad("payloads.jsonl", "it belongs to another entry", number)
        if row.get("payload") is None:
            self.report.payloads_erased += 1
            return
        try:
            salted = bytes.fromhex(row["salt"]) + canonical(row["payload"])
        except (ValueError, KeyError, TypeError):
            _bad("payloads.jsonl", "it has no salt", number)
        if hashlib.sha256(salted).hexdigest() != fields["payload_digest"]:
            _bad("payloads.jsonl", "it is not what was recorded", number)
        if fields["event"] == "step.outcome":
            collected.update(piece["sha256"] for piece in row["payload"].get("evidence") or ())

    def _evidence(self, collected: set[str]) -> None:
        listed = self._json("evidence.json")
        for piece in listed:
            if piece["sha256"] not in collected and not self.report.payloads_erased:
                _bad(piece["file"], "no entry names it")
            if self.sums.get(piece["file"]) != piece["sha256"]:
                _bad(piece["file"], "it is not what was collected")
        names = {piece["file"] for piece in listed}
        for name in self.sums:
            if name.startswith("evidence/") and name not in names:
                _bad(name, "nothing says where it is from")
        missing = collected - {piece["sha256"] for piece in listed}
        if missing:
            _bad("evidence.json", f"{len(missing)} collected files are missing, the first {min(missing)}")
        self.report.evidence = len(listed)

    # --- other anchors ------------------------------------------------------------------------------------------------

    def _earlier(self, checkpoint: Checkpoint, own: TrustStore, kept: bytes | None, index: int) -> None:
        wanted = parse_note(kept).checkpoint if kept is not None else None
        known = {checkpoint.size: checkpoint}
        name, origin = "proof/earlier.jsonl", checkpoint.origin.partition("/")[0]
        for number, row in enumerate(self._rows(name), 1):
            try:
                note, path, witness = row["note"].encode(), _hashes(row["path"]), row["witness"]
                old = parse_note(note).checkpoint
            except (InvalidInput, ValueError, KeyError, TypeError, AttributeError):
                _bad(name, "it is no checkpoint", number)
            if not 0 <= witness < index or old.origin != checkpoint.origin:
                _bad(name, "it is not an earlier checkpoint of this tree", number)
            try:
                open_note(note, self._key_at(origin, witness, own, name, note))
            except NotProven as error:
                _bad(name, error.message, number)
            if not merkle.consistent(old.size, old.root, checkpoint.size, checkpoint.root, path):
                _bad(name, "the record does not begin with it", number)
            known[old.size] = old
            self.report.earlier = number
        if wanted is not None:
            why = _contradicts(wanted, checkpoint, known)
            if why is not None:
                _bad("proof/checkpoint.txt", why)

    def _timestamps(self) -> None:
        note = self._read("proof/checkpoint.txt")
        for name in sorted(self.sums):
            if name.startswith("proof/timestamps/") and name.endswith(".tsr"):
                if not stamps(self._read(name), note):
                    _bad(name, "it is no time stamp of this checkpoint")
                self.report.timestamps += 1

    def _predicate(self, statement: dict[str, Any], checkpoint: Checkpoint) -> None:
        predicate = statement["predicate"]
        said = (predicate["run"]["id"], predicate["record"]["entries"], predicate["record"]["checkpoint"]["root"])
        if said != (self.report.run_id, self.report.entries, checkpoint.root.hex()):
            _bad(ATTESTATION, "it attests another run or record")

    # --- reading ------------------------------------------------------------------------------------------------------

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._read(name))
        except ValueError:
            _bad(name, "it is no JSON")

    def _rows(self, name: str) -> list[dict[str, Any]]:
        rows = []
        for number, line in enumerate(_lines(self._read(name), name), 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                _bad(name, "it is no JSON", number)
            rows.append(row)
        return rows


def _contradicts(kept: Checkpoint, newest: Checkpoint, known: dict[int, Checkpoint]) -> str | None:
    """Why a checkpoint received before does not agree with this record; None when it does."""
    if kept.origin != newest.origin:
        return "it is of another record than the checkpoint received before"
    if kept.size > newest.size:
        return f"the checkpoint received before has {kept.size} entries, this one {newest.size}: rolled back, or older"
    if kept.size not in known:
        return f"nothing here shows whether it begins with the checkpoint received before, of {kept.size} entries"
    if known[kept.size].root != kept.root:
        return f"the record forked: the checkpoint received before is of {kept.size} other entries"
    return None


def _lines(content: bytes, name: str) -> list[str]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        _bad(name, "it is no UTF-8")
    if text and not text.endswith("\n"):
        _bad(name, "its end is missing", text.count("\n") + 1)
    return text.split("\n")[:-1]


def _hashes(found: Sequence[str]) -> list[bytes]:
    made = [bytes.fromhex(one) for one in found]
    if any(len(one) != 32 for one in made):
        raise ValueError("hash")
    return made


def _inside(name: str) -> bool:
    parts = name.split("/")
    return not name.startswith("/") and all(part not in ("", ".", "..") for part in parts)


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in files:
            yield Path(root) / name
        for name in folders:
            path = Path(root) / name
            if path.is_symlink() or not any(path.iterdir()):  # what it leads to would not be looked at
                yield path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
