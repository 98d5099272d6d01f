"""Where the installation keeps something of a client: each place can be counted, emptied, and counted again.

Counting afterwards goes another way than emptying where there is one: a folder is listed, a database is opened anew. A place that cannot be looked
at raises; nobody takes that for an empty one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from flows.keeping_rows import Alerts, Contacts, Drops, Place, Unattended, alerts_in_hand
from flows.prefect_traces import PrefectTraces
from flows.sqlite_files import connected, emptied
from tenantry import holds
from tenantry.backup.kept import TAKEN, backups
from tenantry.errors import NotFound, RecordError, Refused
from tenantry.journal.entry import KEPT_FOR_GOOD
from tenantry.masterkey import sync_folder
from tenantry.names import MSP

if TYPE_CHECKING:
    from flows.assembly import Installation

__all__ = ["Keeping", "alerts_in_hand", "backups_counted", "backups_taken", "keepings", "staging"]

_TURNS: Final = 3
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{5,80}")
"""What a vendor calls a client in the names of files."""


class Keeping(Protocol):
    """One place."""

    id: str
    what: str
    where: str
    unit: str
    technique: str

    def count(self) -> int:
        """How much of the client's is there now. Raises TenantryError where that cannot be told."""
        ...

    def remove(self) -> None:
        """Take all of it away. Repeatable; killed in between, it is done again."""
        ...


def staging(installation: Installation, tenant: str) -> Path:
    """Where a client's hand-over is put together on this machine."""
    return installation.home.path / "offboarding" / tenant


def backups_taken(installation: Installation) -> Counter[date | None]:
    """How many backups of the home the record knows of, by the last day on which they are kept; None: nobody recorded it. Where they lie is not recorded.

    Raises:
        OutOfScope: a run of a client's may read nothing of the MSP's; it counts them (:func:`backups_counted`).
    """
    return Counter(one.until for one in backups(installation.journal.of(MSP, TAKEN)))


def backups_counted(installation: Installation) -> int:
    """How many there are, for who has no key of the MSP's."""
    return installation.journal.how_many(MSP, TAKEN)


def keepings(installation: Installation, tenant: str, marks: Sequence[str]) -> list[Keeping]:
    """Every place, in the order in which they are emptied: what needs the client's key goes before the key, the file that says who they are
    is the last but one.

    Args:
        marks: texts by which the client is known in logs (name, domains, display name).
    """
    return [
        Drops(installation, tenant),
        _Payloads(installation, tenant),
        _Evidence(installation, tenant),
        PrefectTraces(installation, tenant),
        _Staging(installation, tenant),
        _Logs(installation, marks),
        Contacts(installation, tenant),
        Alerts(installation, tenant),
        Unattended(installation, tenant),
        _Secrets(installation, tenant),
        _Key(installation, tenant),
        _Locks(installation, tenant),
        _File(installation, tenant),
    ]


class _Payloads(Place):
    id, unit = "record/payloads", "entries with contents"
    what = "Contents of the record: runs, answers, notes, findings, the risk register, reports (lifted legal holds go with the key)"
    where, technique = "journal.db", "contents erased from their entries; the entries stay and verify"

    def count(self) -> int:
        if not self.alive():
            return 0  # what is sealed under a destroyed key is counted with the key
        return len(self._ids())

    def remove(self) -> None:
        journal = self.installation.journal
        for _ in range(_TURNS):  # what is recorded meanwhile, a clock that stepped back say, goes the next time
            ids = self._ids()
            if not ids:
                return
            journal.erase(self.tenant, ids, by="offboarding", reason="the client left")

    def _ids(self) -> list[str]:
        # Whether a hold stands is looked at until the key is gone: somebody may set one meanwhile.
        kept = {*KEPT_FOR_GOOD, holds.SET, holds.LIFTED}
        records = self.installation.journal.tail(self.tenant)
        return [one.entry.id for one in records if one.payload is not None and one.event not in kept]


class _Evidence(Place):
    id, unit = "evidence", "files"
    what, technique = "Collected evidence, reports and inventories, sealed under the client's key", "files removed"

    def __init__(self, installation: Installation, tenant: str) -> None:
        super().__init__(installation, tenant)
        self._folder = installation.evidence.path(tenant, "0" * 64).parent
        self.where = f"evidence/{self._folder.name}"

    def count(self) -> int:
        return _files(self._folder)

    def remove(self) -> None:
        _remove_tree(self._folder)


class _Staging(Place):
    id, unit = "staging", "files"
    what, technique = "The hand-over as it was put together on this machine", "files overwritten and removed"

    def __init__(self, installation: Installation, tenant: str) -> None:
        super().__init__(installation, tenant)
        self._folder = staging(installation, tenant)
        self.where = f"offboarding/{tenant}"

    def count(self) -> int:
        return _files(self._folder)

    def remove(self) -> None:
        for path in sorted(self._folder.rglob("*")) if self._folder.is_dir() else ():
            if path.is_file() and not path.is_symlink():
                _overwrite(path)
        _remove_tree(self._folder)


class _Secrets(Place):
    id, unit = "vault/secrets", "secrets"
    what, technique = "The client's secrets in the vault", "deleted, every version, in the store where they lay"

    def __init__(self, installation: Installation, tenant: str) -> None:
        super().__init__(installation, tenant)
        self.where = f"vault.db, or the store {installation.vault.store_of(tenant)}"

    def count(self) -> int:
        return self.installation.vault.held(self.tenant)

    def remove(self) -> None:
        vault = self.installation.vault
        left = []
        for one in vault.list(self.tenant):
            try:
                if not vault.delete(self.tenant, one.name).proven:
                    left.append(one.name)
            except NotFound:  # another process was quicker
                continue
        if left:
            raise Refused(
                f"{len(left)} secrets are deleted and can still be brought back by their store",
                remedy="Purge them there, then do this again.",
            )


class _Key(Place):
    id, unit = "vault/key", "keys"
    what = "The client's key: what was sealed under it opens no more (secrets, contents of the record, evidence)"
    where, technique = "vault.db", "cryptographic erase: the wrapped key overwritten"

    def count(self) -> int:
        return int(self.alive())

    def remove(self) -> None:
        self.installation.vault.destroy_tenant_key(self.tenant)
        with connected(self.installation.home.vault_db) as db:
            emptied(db)


class _Logs:
    id, unit = "logs", "files that name the client"
    what, technique = "Log files of this machine's services", "files emptied"
    where = "run/*.log"

    def __init__(self, installation: Installation, marks: Sequence[str]) -> None:
        self._folder = installation.home.run
        words = [re.escape(mark.encode()) for mark in marks if len(mark) > 2]
        self._marks = (
            re.compile(rb"(?<![\w-])(?:" + b"|".join(words) + rb")(?![\w-])", re.IGNORECASE) if words else None
        )

    def _found(self) -> list[Path]:
        if self._marks is None:
            return []
        try:
            return [path for path in sorted(self._folder.glob("*.log*")) if self._marks.search(path.read_bytes())]
        except OSError as error:
            raise RecordError(f"the logs cannot be read ({error.strerror})") from error

    def count(self) -> int:
        return len(self._found())

    def remove(self) -> None:
        for path in self._found():
            os.truncate(path, 0)  # its writer appends, and goes on


class _Locks(Place):
    id, unit = "locks", "files named after the client"
    what, where, technique = (
        "Locks named after the client, and turns at vendors named after its accounts",
        "run/",
        "files removed",
    )

    def _paths(self) -> list[Path]:
        run, limits = self.installation.home.run, self.installation.home.limits
        named = [run / f"vault-{self.tenant}.lock", run / f"{self.tenant}.file.lock"]
        # After the client's file is gone nobody knows these names: they go before it, and are counted while it is there.
        named += [path for one in self._accounts() for path in limits.glob(f"*.{one}.turns")]
        return [path for path in named if path.exists()]

    def _accounts(self) -> list[str]:
        try:
            providers = self.installation.tenants.get(self.tenant).providers.values()
        except NotFound:
            return []
        said = (str(value) for one in providers for value in one.settings.values() if isinstance(value, (str, int)))
        return sorted({one for one in said if _ID.fullmatch(one)})

    def count(self) -> int:
        return len(self._paths())

    def remove(self) -> None:
        for path in self._paths():
            path.unlink(missing_ok=True)


class _File(Place):
    id, unit = "tenant_file", "files"
    what, technique = "The client's file: contacts, agreement, systems", "file overwritten and removed"

    def __init__(self, installation: Installation, tenant: str) -> None:
        super().__init__(installation, tenant)
        self._path = installation.tenants.path(tenant)
        self.where = f"tenants/{self._path.name}"

    def _paths(self) -> list[Path]:
        beside = self._path.parent.glob(f".{self._path.name}.*")
        return [path for path in (self._path, *beside) if path.exists()]

    def count(self) -> int:
        return len(self._paths())

    def remove(self) -> None:
        # Out of the way first: killed half-way, a file of zeros in its place would be a client whom nobody can read, and nothing would go on.
        with contextlib.suppress(FileNotFoundError):
            self._path.replace(self._path.with_name(f".{self._path.name}.leaving"))
            sync_folder(self._path.parent)
        for path in self._paths():
            _overwrite(path)
            path.unlink(missing_ok=True)


# --- what they are made of --------------------------------------------------------------------------------------------


def _files(folder: Path) -> int:
    try:
        return sum(len(files) for _, _, files in os.walk(folder, onerror=_raise)) if folder.exists() else 0
    except OSError as error:
        raise RecordError(f"{folder.name} cannot be listed ({error.strerror})") from error


def _raise(error: OSError) -> None:
    raise error


def _remove_tree(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise RecordError(f"{folder.name} cannot be removed ({error.strerror})") from error


def _overwrite(path: Path) -> None:
    """Zeros in its place, synced. What the file system or the medium copied elsewhere is not reached: hence no more than `partial` is said."""
    try:
        with path.open("r+b") as file:
            left = path.stat().st_size
            while left > 0:
                left -= file.write(bytes(min(left, 1 << 20)))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordError(f"{path.name} cannot be overwritten ({error.strerror})") from error
