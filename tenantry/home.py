"""TENANTRY_HOME: the one folder a machine keeps, and the names of what lies in it. Nothing is written outside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tenantry.errors import InvalidInput

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and its places. Making a `Home` touches nothing; `ensure` creates the folders, for the owner alone."""

    path: Path

    @classmethod
    def locate(cls, env: Mapping[str, str] = os.environ) -> Home:
        """``TENANTRY_HOME`` if it is set, else the platform's user data folder. Always an absolute path, so that a later
        change of the working directory does not move it."""
        chosen = env.get("TENANTRY_HOME", "")
        if chosen:
            return cls(Path(os.path.abspath(Path(chosen).expanduser())))  # noqa: PTH100 - resolve() would follow links
        return cls(Path(platformdirs.user_data_dir("tenantry", appauthor=False)))

    @property
    def estate(self) -> Path:
        """``estate.yaml``: the MSP."""
        return self.path / "estate.yaml"

    @property
    def tenants(self) -> Path:
        """``tenants/<name>.yaml``: one file a client."""
        return self.path / "tenants"

    @property
    def runbooks(self) -> Path:
        """The operator's own runbooks, templates, rules; they come before the shipped ones."""
        return self.path / "runbooks"

    @property
    def evidence(self) -> Path:
        """Collected evidence, encrypted under the tenants' keys."""
        return self.path / "evidence"

    @property
    def checkpoints(self) -> Path:
        """The newest signed checkpoint of each tree of the record, outside its database. Keep a copy elsewhere."""
        return self.path / "checkpoints"

    @property
    def trust(self) -> Path:
        """Public keys that records are verified with: ``own.json``, and those of others that were put here."""
        return self.path / "trust"

    @property
    def journal_db(self) -> Path:
        return self.path / "journal.db"

    @property
    def vault_db(self) -> Path:
        return self.path / "vault.db"

    @property
    def people_db(self) -> Path:
        return self.path / "people.db"

    @property
    def contacts_db(self) -> Path:
        """Which contacts of clients were enrolled, and when they proved who they are."""
        return self.path / "contacts.db"

    @property
    def drops_db(self) -> Path:
        """Credential drops: public keys, hashes and what is expected; no secret."""
        return self.path / "drops.db"

    @property
    def alerts_db(self) -> Path:
        """Alerts that were accepted, sealed, and what became of each."""
        return self.path / "alerts.db"

    @property
    def alerts_bell(self) -> Path:
        """Socket by which whoever accepts alerts wakes whoever works on them."""
        return self.run / "alerts.sock"

    @property
    def unattended_db(self) -> Path:
        """How much of what clients agreed may happen by itself was used within the hour."""
        return self.path / "unattended.db"

    @property
    def databases(self) -> tuple[Path, ...]:
        """All of our own, made or not; Prefect's is its own affair."""
        return (
            self.journal_db,
            self.vault_db,
            self.people_db,
            self.contacts_db,
            self.drops_db,
            self.alerts_db,
            self.unattended_db,
        )

    @property
    def console_file(self) -> Path:
        """Where the console listens, or did when the service last ran."""
        return self.run / "console.json"

    @property
    def master_key(self) -> Path:
        """The vault's master key, unless a passphrase stands in for it."""
        return self.path / "master.key"

    @property
    def prefect(self) -> Path:
        """Prefect's own home: its database and profile."""
        return self.path / "prefect"

    @property
    def run(self) -> Path:
        """Sockets, locks and ``server.json`` of what runs now; may be emptied when nothing runs."""
        return self.path / "run"

    @property
    def limits(self) -> Path:
        """What processes share of vendors' limits: who is being asked now, and who asked to be left alone."""
        return self.run / "limits"

    @property
    def broker_socket(self) -> Path:
        """Where the vault broker listens, while the service runs."""
        return self.run / "broker.sock"

    @property
    def server_file(self) -> Path:
        """Address and process of the running server."""
        return self.run / "server.json"

    def ensure(self) -> Home:
        """Create the folders that are missing, readable and writable by the owner alone (0700), and close the home itself
        to others if it stood open. Repeatable.

        Raises:
            InvalidInput: the folder cannot be made, is not a folder, or belongs to somebody else.
        """
        try:
            for folder in (self.path, self.tenants, self.runbooks, self.evidence, self.prefect, self.run):
                folder.mkdir(mode=0o700, parents=folder == self.path, exist_ok=True)
            mode = stat.S_IMODE(self.path.stat().st_mode)
            if os.name == "posix" and mode & 0o077:
                self.path.chmod(mode & 0o700 | 0o700)
        except OSError as exc:
            raise InvalidInput(
                f"{exc.filename or self.path} cannot be used ({exc.strerror})",
                place="TENANTRY_HOME",
                remedy="Choose a folder that this user owns and can write to.",
            ) from exc
        return self
