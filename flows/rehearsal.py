"""What a warm child does while nobody needs it: a whole run, of a client that there is not, in a folder that goes with it.

A child begins with its parent's memory, of which each page is its own only once it has been written to; and much of Python's and of its
libraries' is made ready when it is first used. The first run in a process therefore costs two and a half times what the next one would
(3,400 pages, 14 MB), between an alert and its first effect. So the first run is this one: recorded in a record of its own, signed in to a
vendor that answers out of this process (`integrations.microsoft365.rehearsal`), its one account blocked. It stands nowhere afterwards,
knows no secret, and reaches nobody.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import yaml
from pydantic import SecretBytes
from typing_extensions import override

from flows.assembly import Installation
from integrations.microsoft365.rehearsal import ACCOUNT, nobody
from tenantry.broker.client import BrokeredVault
from tenantry.home import Home
from tenantry.journal import blank
from tenantry.names import SecretRef
from tenantry.run import Engine, record_new
from tenantry.runbook import Runbook, parse_runbook, validate_params

__all__ = ["Rehearsal", "swept"]

_TENANT: Final = "rehearsal"
_TRIES: Final = 50
_PAUSE: Final = 0.02
_PREFIX: Final = "rehearsal-"
_RUNBOOK: Final = """\
id: rehearsal
version: 1
title: A rehearsal
kind: incident
params:
  account: {type: account, title: The account}
phases: [contain]
steps:
  - id: block
    title: Block sign-in
    phase: contain
    uses: identity.disable_sign_in
    with: {account: "${params.account}"}
"""
_REQUESTER: Final = {"person": None, "name": "nobody", "proven": False, "via": "alert", "impact": "reversible"}


class _NoVault(BrokeredVault):
    """Keys of no worth, and no way to any other."""

    def __init__(self) -> None:
        pass

    @override
    def subkey(self, tenant: str, purpose: str) -> bytes:
        return bytes(32)

    @override
    def resolve(
        self, ref: SecretRef | str, *, for_tenant: str, estate_provider: bool = False, purpose: str = ""
    ) -> SecretBytes:
        return SecretBytes(b"of no worth")

    @override
    def checkpoint(self, tenant: str) -> None:
        """Nobody will want to see it."""

    @override
    def close(self) -> None:
        """There is nothing open."""


class Rehearsal:
    """What children rehearse, got ready in the process that they are forked from."""

    def __init__(self, installation: Installation) -> None:
        self._record = blank()
        self._runbook: Runbook = parse_runbook(_RUNBOOK, source="rehearsal", registry=installation.registry)

    async def play(self, beside: Path) -> None:
        """Once, in a folder of its own in ``beside``. May be cancelled at any moment."""
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside))
        try:
            async with nobody() as provider:
                home = Home(folder).ensure()
                await _whole(self._furnish, home, provider)
                with Installation.open(home, _NoVault()) as installation:
                    await self._run(installation)
        finally:
            await _gone(folder)

    def _furnish(self, home: Home, provider: Mapping[str, Any]) -> None:
        entry = {**provider, "secrets": {"client_secret": f"vault:{_TENANT}/none"}}
        tenant = {"name": _TENANT, "display_name": "Nobody", "providers": {"m365": entry}}
        (home.tenants / f"{_TENANT}.yaml").write_text(yaml.safe_dump(tenant), encoding="utf-8")
        home.journal_db.write_bytes(self._record)

    async def _run(self, installation: Installation) -> None:
        run_id, around = str(uuid4()), installation.surroundings()
        await _whole(
            record_new,
            around,
            run_id=run_id,
            runbook=self._runbook,
            tenant=_TENANT,
            params=validate_params(self._runbook, {"account": ACCOUNT}),
            mode="run",
            requester=_REQUESTER,
            subject="nobody",
        )
        async with installation.access(_TENANT, "run") as access:
            await access.ahead({"identity"})
            await Engine(around, access).run(run_id)


async def _whole(work: Callable[..., Any], *args: Any, **more: Any) -> None:
    """In a thread, to its end even if this is cancelled: it writes into the folder, which goes next."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *args, **more))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


async def _gone(folder: Path) -> None:
    """A run that was cancelled may have left a thread that has a file to write yet; what stays is swept with the next worker."""
    for _ in range(_TRIES):
        if _removed(folder):
            return
        await asyncio.sleep(_PAUSE)


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def swept(run: Path) -> None:
    """Take away what rehearsals left that were ended in their middle."""
    for path in run.glob(f"{_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)
