"""`incident.assess_containment`"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud.verify_contained import Proven
from tasks.cloud.verify_locked_down import LockedDown
from tasks.identity.verify_shut_out import ShutOut
from tasks.incident.find_other_hosts import OtherHosts
from tasks.incident.verify_host_contained import HostContainment
from tenantry.task import Context, Output, ReadTask

_Names = Annotated[list[str], Field(max_length=500)]


class AssessContainmentParams(BaseModel):
    """What was named, and what was proven of it. What was named and is not proven is a gap."""

    model_config = ConfigDict(extra="forbid")
    hosts: _Names = []
    host_proofs: Annotated[list[HostContainment], Field(description="Outputs of incident.verify_host_contained")] = []
    accounts: _Names = []
    account_proofs: Annotated[list[ShutOut], Field(description="Outputs of identity.verify_shut_out")] = []
    keys: _Names = []
    key_proofs: Annotated[list[Proven], Field(description="Outputs of cloud.verify_contained")] = []
    traced: Annotated[_Names, Field(description="Keys that the proofs are about, in their order")] = []
    cloud: Annotated[bool, Field(description="Whether there is a cloud account to look at")] = False
    locked_down: Annotated[LockedDown | None, Field(description="Output of cloud.verify_locked_down")] = None
    others: Annotated[OtherHosts | None, Field(description="Output of incident.find_other_hosts")] = None
    unknown: Annotated[_Names, Field(description="What could not be told at all, one line each")] = []
    isolated: Annotated[_Names, Field(description="Other hosts with signs that were cut off")] = []


class Assessed(Output):
    contained: bool
    """True only when nothing is open; a plan says False."""
    checked_at: datetime
    proofs: list[str]
    gaps: list[str]
    """What is not proven to be contained, one line each."""
    caveats: list[str]


class AssessContainment(ReadTask[AssessContainmentParams, Assessed]):
    """Hold what an incident is about against what was proven of it, and name what is left. Pure: reads nothing.

    A thing without a proof is a gap, whatever became of the steps about it. ISO/IEC 27035-2; NIST CSF 2.0, RS.MI-01.
    """

    name = "incident.assess_containment"
    Params = AssessContainmentParams
    Output = Assessed

    async def read(self, ctx: Context, p: AssessContainmentParams) -> Assessed:
        gaps: list[str] = []
        proofs: list[str] = []
        caveats: list[str] = []
        hosts = {one.host: one for one in p.host_proofs if one.contained}
        gaps += [f"host {name}: not seen to be cut off and free of the intruder" for name in _without(p.hosts, hosts)]
        for host, proven in hosts.items():
            proofs.append(f"host {host}: {len(proven.proofs)} points were seen, among them that it is cut off")
            caveats += [f"{host}: {caveat}" for caveat in proven.caveats]
        accounts = {name.lower(): one for one in p.account_proofs if one.shut for name in (one.account, one.upn)}
        gaps += [
            f"account {name}: not seen to be shut out"
            for name in _without([name.lower() for name in p.accounts], accounts)
        ]
        for shut in dict.fromkeys(one.upn for one in p.account_proofs if one.shut):
            proofs.append(f"account {shut}: blocked, its sessions ended, no sign-in since")
        caveats += [caveat for one in p.account_proofs for caveat in one.caveats]
        keys = {name for name, one in zip(p.traced, p.key_proofs, strict=False) if one.contained}
        gaps += [f"key {name}: not seen to lead nowhere" for name in _without(p.keys, keys)]
        proofs += [proof for one in p.key_proofs if one.contained for proof in one.proofs]
        caveats += [caveat for one in p.key_proofs for caveat in one.caveats]
        if p.cloud and (p.locked_down is None or not p.locked_down.holds):
            gaps.append("cloud account: what the client recovers from is not seen to be safe")
        elif p.locked_down is not None:
            proofs += p.locked_down.proofs
        gaps += [*_others(p), *p.unknown]
        proofs += [f"host {host}: cut off" for host in p.isolated]
        return Assessed(
            contained=not gaps and ctx.run.mode != "plan",
            checked_at=ctx.now,
            proofs=list(dict.fromkeys(proofs)),
            gaps=gaps,
            caveats=list(dict.fromkeys(caveats)),
        )


def _without(named: Iterable[str], proven: Iterable[str]) -> list[str]:
    there = set(proven)
    return [name for name in dict.fromkeys(named) if name not in there]


def _others(p: AssessContainmentParams) -> list[str]:
    if p.others is None:
        return ["other hosts: not looked at"] if p.hosts else []
    gaps = [
        f"host {one.host}: has signs of the same intruder and is not cut off"
        for one in p.others.hosts
        if one.host not in p.isolated
    ]
    return gaps + [f"host {one.host}: could not be looked at ({one.why})" for one in p.others.unread]
