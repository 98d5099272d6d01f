"""The hand-over of a client that leaves: everything put together on this machine, delivered as a BagIt package, read back, recorded.

::

    inventory.json            what is held for the client, where, and what could not be asked
    agreement.json            the client's file, without how we reach their systems
    transition.md, .json      for the successor: who may do what, open risks, what expires, what stands in systems
    runs/<run>/               each run: timeline in every format, entries, payloads, collected evidence, proofs
    credentials.jsonl.age     every secret of the vault, sealed to the client's own age keys

By command and not within a run: a run may not read all secrets of a client. Killed anywhere it is done again: what was put together stays as
it is from the moment it is whole (a package must not change while it is sent), and what arrived is not sent again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.keeping import staging
from flows.transition import markdown, transition
from tenantry.clock import rfc3339
from tenantry.errors import CannotCheck, Frozen, InvalidTenant, NotFound, NotVerified
from tenantry.handover.age import Recipient
from tenantry.handover.bag import BagInfo
from tenantry.handover.credentials import Credential, seal_credentials
from tenantry.handover.deliver import Progress, Receipt, deliver
from tenantry.handover.folder import FolderPlace
from tenantry.handover.place import Place
from tenantry.handover.source import FolderSource
from tenantry.journal import Event

if TYPE_CHECKING:
    from flows.assembly import Installation, TenantContext
    from tenantry.run import RunState
    from tenantry.tenants import Tenant

__all__ = ["DELIVERED", "hand_over", "label_of", "opened_place"]

DELIVERED: Final = "handover.delivered"
"""Entry of the client's tree: a package lies at their place, every byte of it read back."""
_OURS: Final = ("contacts/", "drops/", "rotations/")
"""Beginnings of names of secrets that are the platform's own: seeds of codes, keys of links, candidates that were never used."""


def label_of(tenant: Tenant) -> str:
    """The place of the file as people read it; empty: none."""
    place = tenant.offboarding.deliver_to
    if place is None:
        return ""
    if place.bucket is not None:
        return f"s3://{place.bucket}/{place.prefix}".rstrip("/")
    return f"{place.host}:{place.folder}" if place.host is not None else str(place.folder)


async def hand_over(installation: Installation, state: RunState, *, progress: Progress | None = None) -> Receipt:
    """Put the package of a run together, deliver it, record the receipt.

    Raises:
        InvalidTenant: the file names no place, or no key for credentials that there are.
        NotVerified: a document could not be made whole.
        Frozen, and whatever a delivery raises (`tenantry.handover.deliver`); done again, it goes on.
    """
    tenant = installation.tenants.get(state.tenant)
    if tenant.offboarding.deliver_to is None:
        raise InvalidTenant(
            f"tenants/{tenant.name}.yaml says nowhere to deliver to",
            place="offboarding.deliver_to",
            remedy="Write a folder, or a bucket or server of the client's there.",
        )
    frozen = installation.journal.frozen(tenant.name)
    if frozen is not None:
        raise Frozen(f"frozen by {frozen['by']} since {frozen['since']}: {frozen['reason']}")
    folder = staging(installation, tenant.name) / state.run_id
    async with installation.access(tenant.name, "run") as context:
        package, said = await _put_together(installation, context, state, folder)
        async with opened_place(context, tenant, state.run_id) as place:
            info = await asyncio.to_thread(_info, installation, tenant, state)
            receipt = await deliver(FolderSource(package), place, folder / "work", info, progress=progress)
    facts = {
        "run": state.run_id,
        "place": receipt.place,
        "files": receipt.files,
        "size": receipt.size,
        "manifest_sha256": receipt.manifest_sha256,
        "credentials": len(said["credentials"]),
        "left_out": said["left_out"],
    }
    event = Event(DELIVERED, facts, state.run_id, "deliver", state.attempt, flow=(state.runbook, state.version))
    await asyncio.to_thread(installation.journal.append, tenant.name, [event])
    return receipt


@asynccontextmanager
async def opened_place(context: TenantContext, tenant: Tenant, run_id: str) -> AsyncIterator[Place]:
    """The client's place, in a folder of this run alone: what somebody else put there is never mixed in.

    Raises:
        InvalidTenant: the provider has no such place.
    """
    wanted = tenant.offboarding.deliver_to
    if wanted is None:
        raise InvalidTenant(f"tenants/{tenant.name}.yaml says nowhere to deliver to", place="offboarding.deliver_to")
    below = f"{tenant.name}-{run_id[:8]}"
    if wanted.provider is None:
        yield FolderPlace(Path(str(wanted.folder)) / below)
        return
    handle: Any = await context.handle(wanted.provider)
    if not hasattr(handle, "place"):
        raise InvalidTenant(
            f"{wanted.provider} of {tenant.name} is no place to deliver to",
            place="offboarding.deliver_to.provider",
            remedy="Name a provider of the vendor aws or linux, or a folder of this machine.",
        )
    if wanted.bucket is not None:
        yield handle.place(wanted.bucket, f"{wanted.prefix.rstrip('/')}/{below}".lstrip("/"))
        return
    place = handle.place(wanted.host, f"{str(wanted.folder).rstrip('/')}/{below}")
    try:
        yield place
    finally:
        await place.aclose()


def _info(installation: Installation, tenant: Tenant, state: RunState) -> BagInfo:
    estate = installation.estate
    return BagInfo(
        organization=estate.name,
        contact=estate.name,
        email=estate.security_contact or "",
        description=f"Everything held for {tenant.display_name}",
        identifier=f"{tenant.name} {state.run_id}",
        bagged=installation.journal.clock.now().date(),
    )


async def _put_together(
    installation: Installation, context: TenantContext, state: RunState, folder: Path
) -> tuple[Path, Mapping[str, Any]]:
    """The package's folder and what is said of it. Made anew until it is whole, and from then on as it is."""
    whole = folder / "whole.json"
    if whole.is_file():
        return folder / "package", json.loads(await asyncio.to_thread(whole.read_text, "utf-8"))
    making = folder / "making"
    await asyncio.to_thread(_cleared, folder, making)
    said = await _documents(installation, context, state, making)
    await asyncio.to_thread(_settled, folder, making, whole, said)
    return folder / "package", said


def _cleared(folder: Path, making: Path) -> None:
    for path in (making, folder / "package"):
        if path.exists():
            shutil.rmtree(path)
    making.mkdir(mode=0o700, parents=True)


def _settled(folder: Path, making: Path, whole: Path, said: Mapping[str, Any]) -> None:
    making.rename(folder / "package")
    written = whole.with_suffix(".part")
    written.write_text(json.dumps(said), encoding="utf-8")
    written.replace(whole)


async def _documents(
    installation: Installation, context: TenantContext, state: RunState, making: Path
) -> dict[str, Any]:
    from flows.offboarding_hand import TenantOffboarding

    tenant = context.tenant
    desk = TenantOffboarding(installation, context)
    holdings = [one.model_dump(mode="json") for one in await desk.holdings()]
    now = installation.journal.clock.now()
    left_out: list[str] = []
    _write(making / "inventory.json", {"client": tenant.display_name, "at": rfc3339(now), "held": holdings})
    _write(making / "agreement.json", tenant.public())
    expiries, administrators = await desk.expiries(), await desk.administrators()
    packed = partial(
        transition, installation, tenant, state, held=holdings, expiries=expiries, administrators=administrators
    )
    pack = await asyncio.to_thread(packed)
    _write(making / "transition.json", pack)
    (making / "transition.md").write_text(markdown(pack), encoding="utf-8")
    for index in await asyncio.to_thread(installation.journal.runs, tenant.name):
        if index.run_id == state.run_id:
            left_out.append(f"run {index.run_id}: it is this offboarding itself, and goes on")
            continue
        try:
            await asyncio.to_thread(run_documents, installation, index.run_id, making / "runs" / index.run_id)
        except NotFound as error:
            left_out.append(f"run {index.run_id}: {error.message}")
    names = await _credentials(installation, tenant, making, left_out)
    return {"credentials": names, "left_out": left_out}


def run_documents(installation: Installation, run_id: str, folder: Path) -> None:
    """A run's evidence bundle (`tenantry evidence export`), signed.

    Raises:
        NotVerified: something of it is missing or damaged.
    """
    from flows.report import timeline_of
    from tenantry.errors import RecordError
    from tenantry.timeline import export_evidence

    state = installation.state(run_id)
    built, records = timeline_of(installation, state)
    try:
        export_evidence(
            folder,
            timeline=built,
            records=records,
            run=installation.view(run_id),
            store=installation.evidence,
            ledger=installation.ledger,
        )
    except RecordError as error:
        raise NotVerified(f"the run {run_id} cannot be handed over whole: {error.message}") from error


async def _credentials(installation: Installation, tenant: Tenant, making: Path, left_out: list[str]) -> list[str]:
    stored = await asyncio.to_thread(installation.vault.list, tenant.name)
    names = [one.name for one in stored if not one.name.startswith(_OURS)]
    left_out.extend(f"secret {one.name}: the platform's own" for one in stored if one.name.startswith(_OURS))
    if not names:
        return []
    recipients = [Recipient(text) for text in tenant.offboarding.age_recipients]
    if not recipients:
        raise InvalidTenant(
            f"{len(names)} secrets of {tenant.name} are stored, and the file names no age key to seal them to",
            place="offboarding.age_recipients",
            remedy="Ask the client for the public key that `age-keygen` prints, and write it there.",
        )
    used = {
        ref.name: f"{key}/{secret}"
        for key, config in tenant.providers.items()
        for secret, ref in config.secrets.items()
    }

    async def each() -> AsyncIterator[Credential]:
        for one in stored:
            if one.name not in names:
                continue
            get = partial(installation.vault.get, tenant.name, one.name, one.version, purpose="hand-over, sealed")
            facts = {"stored": rfc3339(one.created_at), "used_by": used.get(one.name, "")}
            if one.expires_at is not None:
                facts["expires"] = rfc3339(one.expires_at)
            yield Credential(one.name, one.kind, await asyncio.to_thread(get), facts)

    sealed = await seal_credentials(each(), recipients, making / "credentials.jsonl.age")
    if set(sealed.names) != set(names):
        raise CannotCheck("not every secret was sealed", remedy="Do the same again.")
    return list(sealed.names)


def _write(path: Path, what: Any) -> None:
    path.write_text(json.dumps(what, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
