"""The files of a package that say what is in it: BagIt 1.0 (RFC 8493), with SHA-256 and SHA-512, without ``fetch.txt``.

::

    data/…                     the payload, under portable names
    manifest-sha256.txt        one line a file of the payload, by name; likewise -sha512
    bagit.txt, bag-info.txt
    original-names.jsonl       {path, original, original_base64}: only names that had to be altered
    left-out.jsonl             {original, original_base64, why}: what is no file, only where there is any
    tagmanifest-sha256.txt     the files above except the payload; likewise -sha512

They are sent last: what was interrupted is no bag. The same ledger gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from tenantry.errors import NotVerified
from tenantry.handover.ledger import Ledger
from tenantry.handover.naming import shown

__all__ = ["ALGORITHMS", "PAYLOAD", "BagInfo", "tag_files", "tag_manifests"]

ALGORITHMS: Final = ("sha256", "sha512")
PAYLOAD: Final = "data/"
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class BagInfo:
    """What ``bag-info.txt`` says besides sizes (RFC 8493, 2.2.2). Line breaks in a value become spaces.

    Attributes:
        organization: who hands over.
        contact: name of a person there.
        email: theirs.
        description: what it is, for whom.
        identifier: the run's, and the client's name for it.
        bagged: the day; pinned with the first attempt.
        more: further labels, as the agreement asks for.
    """

    organization: str
    contact: str
    email: str
    description: str
    identifier: str
    bagged: date
    more: Mapping[str, str] = field(default_factory=dict)

    def kept(self) -> str:
        """As text that :meth:`restored` takes."""
        return json.dumps({**asdict(self), "bagged": self.bagged.isoformat()})

    @classmethod
    def restored(cls, text: str) -> BagInfo:
        """What :meth:`kept` gave."""
        found = json.loads(text)
        return cls(**{**found, "bagged": date.fromisoformat(found["bagged"])})


def tag_files(ledger: Ledger, info: BagInfo, folder: Path) -> list[str]:
    """Write all tag files but the tag manifests into a folder of this machine; their names. Constant memory."""
    files, size = ledger.totals()
    names = [f"manifest-{algorithm}.txt" for algorithm in ALGORITHMS]
    for algorithm, name in zip(ALGORITHMS, names, strict=True):
        _write(folder / name, _manifest(ledger, algorithm))
    _write(folder / "bagit.txt", iter(("BagIt-Version: 1.0\n", "Tag-File-Character-Encoding: UTF-8\n")))
    _write(folder / "bag-info.txt", _info(info, files, size))
    _write(folder / "original-names.jsonl", _renamed(ledger))
    names += ["bagit.txt", "bag-info.txt", "original-names.jsonl"]
    if _write(folder / "left-out.jsonl", _left_out(ledger)):
        names.append("left-out.jsonl")
    return names


def tag_manifests(folder: Path, names: list[str]) -> list[str]:
    """Write the manifests of the tag files; their names."""
    made = []
    for algorithm in ALGORITHMS:
        lines = (f"{_digest(folder / name, algorithm)}  {name}\n" for name in sorted(names))
        _write(folder / f"tagmanifest-{algorithm}.txt", lines)
        made.append(f"tagmanifest-{algorithm}.txt")
    return made


def _manifest(ledger: Ledger, algorithm: str) -> Iterator[str]:
    """Names are portable: nothing in them needs encoding (RFC 8493, 2.1.3)."""
    for row in ledger.by_path():
        found = row.sha256 if algorithm == "sha256" else row.sha512
        if found is None:
            raise NotVerified(f"{row.path} was not verified, so no manifest may name it")
        yield f"{found.hex()}  {PAYLOAD}{row.path}\n"


def _info(info: BagInfo, files: int, size: int) -> Iterator[str]:
    pairs = {
        "Source-Organization": info.organization,
        "Contact-Name": info.contact,
        "Contact-Email": info.email,
        "External-Description": info.description,
        "External-Identifier": info.identifier,
        "Bagging-Date": info.bagged.isoformat(),
        "Bag-Software-Agent": "Tenantry",
        "Payload-Oxum": f"{size}.{files}",
        "Bag-Size": _human(size),
        **info.more,
    }
    for label, value in pairs.items():
        if value:
            yield f"{_line(label).replace(':', ' ')}: {_line(value)}\n"


def _renamed(ledger: Ledger) -> Iterator[str]:
    for row in ledger.by_path():
        original = b"/".join(row.item.parts)
        if row.path.encode() != original:
            yield _json({"path": PAYLOAD + row.path, **_named(original)})


def _left_out(ledger: Ledger) -> Iterator[str]:
    for original, why in ledger.left_out():
        yield _json({**_named(original), "why": why})


def _named(original: bytes) -> dict[str, str]:
    return {"original": shown((original,)), "original_base64": base64.b64encode(original).decode()}


def _json(row: Mapping[str, str]) -> str:
    return json.dumps(row, ensure_ascii=True, sort_keys=True) + "\n"


def _line(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value).strip()[:_LONGEST]


def _human(size: int) -> str:
    amount, unit = float(size), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):  # the last one is used
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def _write(path: Path, lines: Iterator[str]) -> bool:
    """Whether there was anything to write."""
    wrote = False
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for line in lines:
            out.write(line)
            wrote = True
    return wrote


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
