"""After a `client_offboarding` run: what is held here is deleted place by place, looked up again, answered for by three people, and attested.

It cannot be a run of the client's, whose record and key end on the way; it stands in the MSP's own record (`tenantry.closing`). Each place is noted
before it is touched and counted after; killed anywhere it is begun again and goes on with what is left. A place that cannot be looked at stops it,
and so does a hold that somebody sets meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from flows.elsewhere import emptied_store
from flows.keeping import Keeping, alerts_in_hand, keepings
from flows.offboarding_hand import marks_of
from flows.sqlite_files import connected
from tenantry import holds
from tenantry.clock import rfc3339
from tenantry.closing import ANSWERED, ATTESTED, BEGUN, EVENTS, REMOVED, REMOVING, Closing, certificate, fold
from tenantry.errors import Conflict, NotFound, NotVerified, Refused
from tenantry.journal import Event
from tenantry.masterkey import sync_folder
from tenantry.names import MSP
from tenantry.sanitization.model import JournalPlace
from tenantry.task import Outcome

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.people import Authenticated
    from tenantry.person import Person
    from tenantry.run import RunState

__all__ = ["Told", "answer", "attest", "close", "obstacles", "purpose_of", "standing"]

RUNBOOK: Final = "client_offboarding"
_LISTED: Final = 20
Told = Callable[[str], None]
"""Told what is done now, one line each."""


def standing(installation: Installation, tenant: str) -> Closing | None:
    """How the newest closing of a client stands."""
    return fold(installation.journal.of(MSP, *EVENTS), tenant)


def purpose_of(closing: str, act: str) -> str:
    """What a person's proof is good for: one act of one closing."""
    return f"closing:{closing}:{act}"


def obstacles(installation: Installation, state: RunState) -> list[str]:
    """Why nothing may be deleted on the strength of this run, one sentence each."""
    if state.runbook != RUNBOOK or state.mode != "run":
        return [f"the run {state.run_id} is no offboarding of the client"]
    why = []
    if state.ended is None:
        why.append(f"the run {state.run_id} has not ended")
    for step in ("authority", *(("delivered", "accepted") if _output(state, "terms").get("hands_over") else ())):
        if state.item(step, None).outcome is not Outcome.OBSERVED:
            why.append(f"{step}: it is not recorded that this was settled")
    dead = [item for (step, _), item in state.items.items() if step == "dead"]
    expected = len(_output(state, "access").get("ways", ()))
    if state.item("access", None).outcome is not Outcome.OBSERVED or len(dead) < expected:
        why.append("our access: not every way in was tried")
    why += [
        f"access: that it is refused was not proven ({item.note or _error(item)})"
        for item in dead
        if item.outcome is not Outcome.OBSERVED
    ]
    if _output(state, "ready").get("answer") != "close it":
        why.append("nobody said that the way is free (the run's last step)")
    why += alerts_in_hand(installation, state.tenant)[0]
    for index in installation.journal.runs(state.tenant):
        if index.run_id != state.run_id and not index.ended:
            why.append(f"the run {index.run_id} has not ended: resume or cancel it")
    return why


def _error(item: Any) -> str:
    return str((item.error or {}).get("message", "it was not tried"))


def _output(state: RunState, step: str) -> Mapping[str, Any]:
    found = state.items.get((step, None))
    return found.output or {} if found is not None else {}


async def close(installation: Installation, state: RunState, performer: Authenticated, *, tell: Told) -> Closing:
    """Delete what is held for the client, or go on with it.

    Args:
        performer: who does it, proven for it.

    Raises:
        Refused: a legal hold stands, or something of the run stands in the way; nothing more is deleted.
        NotVerified: something is still there after it was deleted. Whatever a place raises that cannot be looked at.
    """
    tenant = state.tenant
    found = standing(installation, tenant)
    if found is None or found.said["run"] != state.run_id:
        await _begin(installation, state, performer.person)
        found = standing(installation, tenant)
    if found is None:
        raise NotFound(f"{tenant} is not being closed")
    if found.attested is not None:
        return found
    for one in found.said["stores"]:
        await _emptied(installation, found, _Store(installation, tenant, one), tell)
    for place in keepings(installation, tenant, found.said["marks"]):
        await _emptied(installation, found, place, tell)
    return _again(installation, tenant)


async def _begin(installation: Installation, state: RunState, person: Person) -> None:
    tenant = installation.tenants.get(state.tenant)
    journal = installation.journal
    why = obstacles(installation, state)
    if why:
        raise Refused(
            f"nothing is deleted: {'; '.join(why[:_LISTED])}",
            remedy="Settle each point in the run, or begin another offboarding; then do this again.",
        )
    holds.refuse_under_hold(holds.in_force(journal, tenant, journal.clock.now().date()))
    places = keepings(installation, tenant.name, marks_of(tenant))
    stores = [one.model_dump(mode="json") for one in tenant.offboarding.held_at]
    knew = [item for (step, _), item in state.items.items() if step == "people_know"]
    untried, ended = (
        [key for (step, key), item in state.items.items() if step == "dead" and (item.output or {}).get("state") == how]
        for how in ("untried", "ended")
    )
    said = {
        "run": state.run_id,
        "client": tenant.display_name,
        "marks": list(marks_of(tenant)),
        "choice": tenant.agreement.on_termination,
        "returned": _output(state, "delivered").get("manifest"),
        "basis": "the agreement's end; GDPR 28(3)(g)" if "gdpr" in tenant.regimes else "the agreement's end",
        "retained": [one.model_dump(mode="json") for one in tenant.offboarding.retained],
        "stores": stores,
        "places": [*(f"stored/{one['id']}" for one in stores), *(one.id for one in places)],
        "people_know": [
            {"what": str(item.value), "by": (item.output or {}).get("by", ""), "at": (item.output or {}).get("at", "")}
            for item in knew
        ],
        "untried": untried,
        "ended": ended,
        "alerts_of_nobody": alerts_in_hand(installation, tenant.name)[1],
        "unknown": [],
    }
    data = {
        "closing": f"SAN-{journal.clock.now():%Y%m%d}-{secrets.token_hex(4)}",
        "tenant": tenant.name,
        "said": said,
        "performer": _who(person),
    }
    await asyncio.to_thread(journal.append, MSP, [Event(BEGUN, data)])


def _who(person: Person) -> dict[str, Any]:
    return {"person": person.id, "name": person.name, "email": person.email, "title": ", ".join(sorted(person.roles))}


class _Store:
    """Something in a store of our own; as `flows.keeping.Keeping`, told apart by what it needs."""

    unit, custody = "objects", "cloud"
    technique = "every version deleted through the vendor's interface"

    def __init__(self, installation: Installation, tenant: str, said: Mapping[str, Any]) -> None:
        self.installation, self.tenant, self.said = installation, tenant, said
        self.id, self.what = f"stored/{said['id']}", str(said["what"])
        self.where = f"{said['bucket']}/{said['prefix']}"


async def _emptied(installation: Installation, closing: Closing, place: Keeping | _Store, tell: Told) -> None:
    before = closing.emptied.get(place.id)
    if isinstance(place, _Store):
        if before is not None and before.left == 0:
            return  # what signs in there may be gone by now
        await _emptied_store(installation, closing, place, tell)
        return
    found = await asyncio.to_thread(place.count)
    if before is not None and before.left == 0 and found == 0:
        return
    _refuse_under_hold(installation, closing.tenant)
    tell(f"{place.id}: {found} {place.unit}")
    facts = {name: getattr(place, name) for name in ("id", "what", "where", "unit", "technique")} | {"custody": "own"}
    if place.id == "vault/key":
        facts["key_id"] = await asyncio.to_thread(_key_id, installation, closing.tenant)
    await _note(installation, closing, REMOVING, {"place": facts, "found": found})
    await asyncio.to_thread(place.remove)
    left = await asyncio.to_thread(place.count)
    await _removed(installation, closing, place.id, found, left, [])


async def _emptied_store(installation: Installation, closing: Closing, place: _Store, tell: Told) -> None:
    _refuse_under_hold(installation, closing.tenant)
    tell(f"{place.id}: objects of {place.where}")
    async with installation.access(closing.tenant, "run") as context:
        storage = (await context.handle(str(place.said["provider"]))).capability("storage")
        count = 0
        async for one in storage.objects(str(place.said["bucket"]), str(place.said["prefix"]), versions=True):
            count += not one.delete_marker
        facts = {name: getattr(place, name) for name in ("id", "what", "where", "unit", "technique", "custody")}
        await _note(installation, closing, REMOVING, {"place": facts, "found": count})
        result = await emptied_store(storage, str(place.said["bucket"]), str(place.said["prefix"]))
    await _removed(
        installation,
        closing,
        place.id,
        count,
        len(result.left) + len(result.served),
        result.retained(place.what, place.where),
        result.named(),
    )


async def _removed(
    installation: Installation,
    closing: Closing,
    id: str,
    found: int,
    left: int,
    retained: list[dict[str, Any]],
    named: str = "",
) -> None:
    seen = {
        "closing": closing.id,
        "place": id,
        "found": found,
        "left": left,
        "at": rfc3339(installation.journal.clock.now()),
    }
    ref = await installation.evidence.sink(MSP, "").store_bytes(
        f"closing/{id}.json", json.dumps(seen, sort_keys=True).encode()
    )
    await _note(
        installation, closing, REMOVED, {"id": id, "left": left, "retained": retained, "evidence": [ref.sha256]}
    )
    if left:
        raise NotVerified(
            f"{id}: {left} are still there after they were deleted{f': {named}' if named else ''}",
            remedy="Nothing is attested. Find out why, then do the same again: it goes on where it stands.",
        )


def _refuse_under_hold(installation: Installation, tenant: str) -> None:
    """Looked at before each place: somebody may set one meanwhile. Once the client's key or file is gone there is nothing to hold."""
    if tenant not in installation.vault.tenants():
        return
    try:
        file = installation.tenants.get(tenant)
    except NotFound:
        return
    now = installation.journal.clock.now()
    holds.refuse_under_hold(holds.in_force(installation.journal, file, now.date()))


def _key_id(installation: Installation, tenant: str) -> str:
    with connected(installation.home.vault_db) as db:
        row = db.execute("SELECT key_id FROM tenant_keys WHERE tenant = ?", (tenant,)).fetchone()
    return str(row[0]) if row is not None else "unknown"


async def _note(installation: Installation, closing: Closing, event: str, data: Mapping[str, Any]) -> None:
    said = {"closing": closing.id, "tenant": closing.tenant, **data}
    await asyncio.to_thread(installation.journal.append, MSP, [Event(event, said)])


def _again(installation: Installation, tenant: str) -> Closing:
    found = standing(installation, tenant)
    if found is None:
        raise NotFound(f"{tenant} is not being closed", remedy=f"`tenantry offboarding close {tenant}` begins it.")
    return found


# --- answers, and the certificate -------------------------------------------------------------------------------------


async def answer(
    installation: Installation,
    tenant: str,
    role: Literal["verifier", "validator"],
    who: Authenticated,
    *,
    decision: Literal["accepted", "rejected"],
    reason: str,
) -> Closing:
    """Record that somebody verified or validated it. Who verifies has every place of this installation counted again now, and the whole record
    verified.

    Raises:
        Conflict: they are who deleted it, or the proof was for something else. NotVerified: something is there.
    """
    closing = _again(installation, tenant)
    if who.purpose != purpose_of(closing.id, role):
        raise Conflict("the proof was given for something else")
    if who.person.id == closing.performer["person"]:
        raise Conflict(
            f"{who.person.id} is who deleted it", remedy=f"The {role} is somebody else: four eyes see more than two."
        )
    if closing.open_places:
        raise NotVerified(
            f"not everything is known to be gone: {', '.join(closing.open_places[:_LISTED])}",
            remedy=f"`tenantry offboarding close {tenant}` goes on.",
        )
    evidence = await _looked_again(installation, closing) if role == "verifier" else []
    facts = {
        "role": role,
        "person": _who(who.person),
        "decision": decision,
        "reason": reason,
        "digest": closing.digest,
        "evidence": evidence,
    }
    await _note(installation, closing, ANSWERED, facts)
    return _again(installation, tenant)


async def _looked_again(installation: Installation, closing: Closing) -> list[str]:
    counts = {
        place.id: await asyncio.to_thread(place.count)
        for place in keepings(installation, closing.tenant, closing.said["marks"])
    }
    there = [f"{name} ({count})" for name, count in counts.items() if count]
    if there:
        raise NotVerified(
            f"it is there again, or still: {', '.join(there)}",
            remedy=f"`tenantry offboarding close {closing.tenant}` goes on with what is left.",
        )
    record = await asyncio.to_thread(installation.ledger.verify)
    if not record.ok:
        raise NotVerified("the record does not verify any more", remedy="`tenantry journal verify` says where.")
    seen = {
        "closing": closing.id,
        "counts": counts,
        "record": "verifies",
        "at": rfc3339(installation.journal.clock.now()),
    }
    ref = await installation.evidence.sink(MSP, "").store_bytes(
        "closing/verified.json", json.dumps(seen, sort_keys=True).encode()
    )
    return [ref.sha256]


def attest(installation: Installation, tenant: str) -> tuple[Closing, Path]:
    """Sign the certificate, write it with its rendering below ``attestations/``, and record its digest. Done again, it is the one that was signed.

    Returns:
        the closing, and the signed file; beside it lie the PDF and the proofs that it names.

    Raises:
        NotProven: something stands in its way; each point is named.
    """
    from tenantry.proof.dsse import read_statement
    from tenantry.sanitization import said
    from tenantry.sanitization.certificate import pdf
    from tenantry.timeline.proofs import proof_files

    closing = _again(installation, tenant)
    folder = installation.home.path / "attestations" / closing.id
    signed = folder / "deletion.dsse.json"
    if closing.attested is not None and signed.is_file():
        return closing, signed
    now = installation.journal.clock.now()
    organization = installation.estate.name
    said(certificate(closing, _NOWHERE, organization=organization, now=now))  # refused before anything is signed
    stored = installation.ledger.checkpoint(tenant) or installation.ledger.newest(tenant)
    if stored is None:
        raise NotVerified(f"nothing of {tenant} is in the signed record")
    proven = installation.ledger.prove(tenant, [stored.size - 1])
    proofs = dict(proof_files(proven))
    digest = hashlib.sha256(b"".join(content for _, content in sorted(proofs.items()))).hexdigest()
    place = JournalPlace(origin=proven.stored.checkpoint.origin, index=proven.stored.size - 1, proof=digest)
    whole = said(certificate(closing, place, organization=organization, now=now))
    envelope = installation.ledger.attest(whole, proven.estate.epoch)
    sha256 = hashlib.sha256(envelope).hexdigest()
    rendered = pdf(whole, read_statement(envelope)[1], sha256)
    for name, content in {**proofs, "certificate.pdf": rendered, signed.name: envelope}.items():
        _write(folder / name, content)
    event = {
        "closing": closing.id,
        "tenant": tenant,
        "file": f"attestations/{closing.id}/{signed.name}",
        "sha256": sha256,
    }
    installation.journal.append(MSP, [Event(ATTESTED, event)])
    installation.sign(MSP)
    return _again(installation, tenant), signed


_NOWHERE: Final = JournalPlace(origin="not proven yet", index=0, proof="0" * 64)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    sync_folder(path.parent)
