"""`incident.verify_host_contained`"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.host._common import HostName, ways_in
from tasks.incident.attribute_host_artifacts import HostArtifacts
from tenantry.errors import NotVerified
from tenantry.task import Context, Output, Permission, ReadTask


class VerifyHostContainedParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    artifacts: HostArtifacts
    probe: Annotated[HostName | None, Field(description="Another host, from which it is seen that nobody gets in")] = (
        None
    )


class HostProof(BaseModel):
    model_config = ConfigDict(extra="forbid")
    what: str
    state: Literal["seen", "not_so"]


class HostContainment(Output):
    """What was read again, point by point."""

    host: str
    contained: bool
    proofs: list[HostProof]
    caveats: list[str]


class VerifyHostContained(ReadTask[VerifyHostContainedParams, HostContainment]):
    """Read everything again and prove that the intruder is out of one host: cut off, nothing of theirs in force or running.

    Anything that is not so is a failure, never a remark.
    """

    name = "incident.verify_host_contained"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("nft", "passwd", "cut", "sshd", "find", "tar", "ss")),)
    timeout = 300.0
    Params = VerifyHostContainedParams
    Output = HostContainment

    async def read(self, ctx: Context, p: VerifyHostContainedParams) -> HostContainment:
        host, found = p.artifacts.host, p.artifacts
        proofs: list[HostProof] = []

        def prove(what: str, holds: bool) -> None:
            # A plan has not removed anything: what it would find is not held against it.
            proofs.append(HostProof(what=what, state="seen" if holds or ctx.run.mode == "plan" else "not_so"))

        state = await ctx.host.isolation(host)
        prove(f"{host} is cut off, and confirmed over a new connection", state.active and state.confirmed)
        if p.probe is not None and p.probe != host:
            prove(f"{p.probe} does not get in to {host}", not await ctx.host.reaches(p.probe, host))
        today = ctx.now.date()
        accounts = {account.id: account for account in await ctx.host.accounts(host)}
        for thing in found.accounts:
            account = accounts.get(thing.id)
            prove(f"{thing.label} cannot sign in", account is None or not account.open(today))
        keys = {key.id for key in await ctx.host.authorized_keys(host) if key.enabled}
        for thing in found.keys:
            prove(f"the key {thing.label} is out of force", thing.id not in keys)
        cron = {entry.id for entry in await ctx.host.cron(host) if entry.enabled}
        for thing in found.cron:
            prove(f"the cron entry {thing.label} is out of force", thing.id not in cron)
        units = {unit.id for unit in await ctx.host.units(host) if unit.enabled != "masked" or unit.active == "active"}
        for thing in found.units:
            prove(f"the unit {thing.label} is masked and stopped", thing.id not in units)
        running = await ctx.host.processes(host)
        ids = {process.id for process in running if process.state != "Z"}
        for thing in found.processes:
            prove(f"the process {thing.label} has ended", thing.id not in ids)
        names = {thing.id for thing in found.accounts}
        prove("nothing runs as an account of the attacker", not any(p.account in names for p in running))
        calls = [
            c.remote for c in await ctx.host.connections(host) if c.remote in found.attacker_ips and c.state == "ESTAB"
        ]
        prove("nothing is connected to the attacker's addresses", not calls)
        wrong = [proof.what for proof in proofs if proof.state == "not_so"]
        if wrong:
            raise NotVerified(f"{host} is not contained: not so: {'; '.join(wrong)[:1000]}")
        others = ways_in(await ctx.host.other_ways_in(host))
        return HostContainment(host=host, contained=True, proofs=proofs, caveats=_caveats(found, others))


def _caveats(found: HostArtifacts, others: list[str]) -> list[str]:
    caveats = [
        "what only a fresh installation can exclude: changes to the kernel, the boot loader, or programs of the system"
    ]
    caveats += [
        f"whom {way} lets in cannot be told from here: look at it before the host is let on the network"
        for way in others
    ]
    if found.for_person:
        caveats.append(f"{len(found.for_person)} things whose owner could not be told were left as they are")
    return caveats
