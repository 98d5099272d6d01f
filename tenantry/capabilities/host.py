"""Linux hosts of one tenant: what is on them, who gets in, what was left behind, and how they are cut off.

A host is known by the name that the tenant's file gives it; `tenantry.capabilities.host_facts` has what is found there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Literal, Protocol, runtime_checkable

from tenantry.capabilities.host_facts import (
    QUARANTINE,
    UNIT_ASIDE,
    AuthorizedKey,
    CronEntry,
    HostAccount,
    HostConnection,
    HostFacts,
    HostFile,
    HostLogin,
    HostRef,
    HostSession,
    HostUnit,
    Isolation,
    OtherWayIn,
    Package,
    Process,
    Update,
    path_bytes,
    path_text,
)
from tenantry.capabilities.host_survey import HostSurvey

__all__ = [
    "QUARANTINE",
    "UNIT_ASIDE",
    "AuthorizedKey",
    "CronEntry",
    "Host",
    "HostAccount",
    "HostConnection",
    "HostFacts",
    "HostFile",
    "HostLogin",
    "HostRef",
    "HostSession",
    "HostUnit",
    "Isolation",
    "OtherWayIn",
    "Package",
    "Process",
    "Update",
    "path_bytes",
    "path_text",
]


@runtime_checkable
class Host(Protocol):
    """Provider contract. ``host`` is a name out of :meth:`hosts`; any other raises TargetNotFound, always before anything
    is sent. Writes are repeat-safe: what is so already stays so."""

    async def hosts(self) -> Sequence[HostRef]:
        """Every host of the tenant. Signs in nowhere."""
        ...

    # --- reads --------------------------------------------------------------------------------------------------------

    async def facts(self, host: str) -> HostFacts: ...

    async def accounts(self, host: str) -> Sequence[HostAccount]: ...

    async def sessions(self, host: str) -> Sequence[HostSession]:
        """Who is on it now, over ssh."""
        ...

    def logins(self, host: str, since: datetime) -> AsyncIterator[HostLogin]:
        """sshd's log, oldest first; as far as the host keeps it."""
        ...

    async def authorized_keys(self, host: str) -> Sequence[AuthorizedKey]:
        """Of every account, those in quarantine too, from every file that sshd would look into under some condition."""
        ...

    async def other_ways_in(self, host: str) -> Sequence[OtherWayIn]:
        """What lets people sign in and shows in no list of keys. What is here is unknown, not clean."""
        ...

    async def units(self, host: str) -> Sequence[HostUnit]:
        """Services, timers, sockets and paths of the system that have a file."""
        ...

    async def cron(self, host: str) -> Sequence[CronEntry]:
        """Of system and accounts, those in quarantine too."""
        ...

    async def processes(self, host: str) -> Sequence[Process]: ...

    async def connections(self, host: str) -> Sequence[HostConnection]: ...

    async def packages(self, host: str) -> Sequence[Package]: ...

    async def updates(self, host: str) -> Sequence[Update]:
        """Pending ones, as the host's package lists know them now."""
        ...

    def files(self, host: str, paths: Sequence[str]) -> AsyncIterator[HostFile]:
        """These and everything below them, on the same file system, with hashes; streamed. What is not there is left out."""
        ...

    def read_file(self, host: str, path: str) -> AsyncIterator[bytes]:
        """The content, in pieces. Raises TargetNotFound."""
        ...

    async def volatile_sources(self, host: str) -> Sequence[str]:
        """What :meth:`volatile` can read, the most fleeting first (RFC 3227 section 2.1)."""
        ...

    def volatile(self, host: str, source: str) -> AsyncIterator[bytes]:
        """One of :meth:`volatile_sources` as it is now, in pieces. Raises TargetNotFound for another."""
        ...

    def process_image(self, host: str, process: str, part: Literal["executable", "maps"]) -> AsyncIterator[bytes]:
        """What a process was started from, also when its file is gone, or its memory map. Raises TargetNotFound."""
        ...

    async def isolation(self, host: str) -> Isolation: ...

    async def survey(self, host: str) -> HostSurvey:
        """Where intruders stay, in one look over the whole host; :mod:`tenantry.capabilities.host_survey`. Takes seconds, on a host
        with millions of files minutes. A part that cannot be read is named in it and fails nothing else."""
        ...

    async def reaches(self, host: str, other: str) -> bool:
        """Whether ``host`` can open a connection to the ssh port of ``other``: a look from elsewhere."""
        ...

    # --- writes -------------------------------------------------------------------------------------------------------

    async def lock_account(self, host: str, account: str) -> None:
        """No password and no key lets it in any more."""
        ...

    async def unlock_account(self, host: str, account: str, *, password: bool, expires: date | None) -> None:
        """The reverse. ``password``: its password was not locked before."""
        ...

    async def end_sessions(self, host: str, account: str) -> None:
        """Ends every process of the account."""
        ...

    async def set_key_enabled(self, host: str, key: AuthorizedKey, enabled: bool) -> None:
        """In quarantine a key lets nobody in; its line stays where it was, as a comment. Absent counts as not enabled."""
        ...

    async def set_unit_enabled(self, host: str, unit: HostUnit, enabled: bool) -> None:
        """False: stopped, disabled and masked, its file moved aside; true: what ``unit`` says it was."""
        ...

    async def set_cron_enabled(self, host: str, entry: CronEntry, enabled: bool) -> None:
        """A line becomes a comment, a script is no longer executable."""
        ...

    async def signal(self, host: str, process: str, kind: Literal["stop", "continue", "kill"]) -> None:
        """Only to this very process; gone counts as killed. Raises TargetNotFound for the others when it is gone."""
        ...

    async def install_updates(self, host: str, updates: Sequence[Update]) -> None:
        """Begins to install exactly these versions, nothing else new, nothing removed; it goes on by itself, and
        :meth:`updates` shows when it is done. While one is under way another does nothing."""
        ...

    async def isolate(self, host: str, allowed: Sequence[str]) -> None:
        """Nobody but us and the ``allowed`` addresses gets in or out. Done only when we got in anew; where we do not, the
        host takes it back by itself."""
        ...

    async def release(self, host: str) -> None:
        """The isolation is gone, with whatever would have rolled it back."""
        ...
