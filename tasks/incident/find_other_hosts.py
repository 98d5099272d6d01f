"""`incident.find_other_hosts`"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._addresses import Network, canonical, within
from tasks._rows import RowStore
from tasks._window import LookBack
from tasks.host._common import HostName
from tasks.incident.combine_hosts import CombinedHosts
from tenantry.errors import ProviderError, TenantryError, TimedOut
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask

AT_ONCE = 8
"""Hosts that are looked at together."""


class FindOtherHostsParams(LookBack):
    found: Annotated[CombinedHosts, Field(description="Output of incident.combine_hosts")]
    known_bad_ips: Annotated[
        list[Network], Field(default_factory=list, max_length=500, description="The attacker's, as far as known")
    ]
    leave_out: Annotated[
        list[HostName], Field(default_factory=list, max_length=200, description="Hosts that are looked at elsewhere")
    ]


class HostSigns(BaseModel):
    model_config = ConfigDict(extra="forbid")
    host: str
    gateway: bool
    signs: list[str]


class Unread(BaseModel):
    model_config = ConfigDict(extra="forbid")
    host: str
    why: str


class OtherHosts(Output):
    hosts: list[HostSigns]
    """With a sign of the same intruder."""
    without_signs: list[str]
    """Where none of these signs was seen. That is not the same as clean."""
    unread: list[Unread]
    """Which could not be looked at: nothing is known of them."""
    evidence: list[EvidenceRef]


class FindOtherHosts(ReadTask[FindOtherHostsParams, OtherHosts]):
    """Look on the client's other hosts for signs of the same intruder.

    A key or account of theirs, a cron entry, unit or process that runs the same program or names an address of theirs, a connection to or a sign-in from one. A
    host that cannot be read is named as such. ATT&CK T1021.004 (lateral movement over SSH), T1486.
    """

    name = "incident.find_other_hosts"
    needs = ("host",)
    permissions = (
        Permission(vendor="linux", names=("passwd", "cut", "sshd", "find", "tar", "ss", "grep", "journalctl")),
    )
    timeout = 900.0
    Params = FindOtherHostsParams
    Output = OtherHosts

    async def read(self, ctx: Context, p: FindOtherHostsParams) -> OtherHosts:
        looked = {window.host for window in p.found.hosts} | set(p.leave_out)
        others = [host for host in await ctx.host.hosts() if host.id not in looked]
        marks, limit = _Marks.of(p), asyncio.Semaphore(AT_ONCE)

        async def one(host: str) -> list[str] | TenantryError:
            async with limit:
                try:
                    return await _signs(ctx, p, host, marks)
                except (ProviderError, TimedOut) as error:
                    return error

        answers = await asyncio.gather(*(one(host.id) for host in others))
        rows = RowStore(ctx, "other-hosts")
        made = OtherHosts(hosts=[], without_signs=[], unread=[], evidence=[])
        for host, answer in zip(others, answers, strict=True):
            if isinstance(answer, TenantryError):
                made.unread.append(Unread(host=host.id, why=answer.code))
            elif answer:
                made.hosts.append(HostSigns(host=host.id, gateway=host.gateway, signs=answer[:20]))
            else:
                made.without_signs.append(host.id)
            await rows.add({"host": host.id, "signs": answer if isinstance(answer, list) else answer.code})
        made.evidence.extend(await rows.close())
        return made


@dataclass
class _Marks:
    """By what the intruder is known."""

    ips: list[str]
    fingerprints: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, p: FindOtherHostsParams) -> _Marks:
        """Labels of what was found are ``owner: what it runs``; ids of keys are ``path#fingerprint``."""
        found = p.found
        return cls(
            ips=[*found.attacker_ips, *p.known_bad_ips],
            fingerprints={key.id.rsplit("#", 1)[-1] for key in found.keys},
            accounts={account.id for account in found.accounts},
            programs={
                program
                for thing in (*found.cron, *found.units, *found.processes)
                if len(program := thing.label.partition(": ")[2].strip()) > 4
            },
        )

    def in_text(self, text: str) -> bool:
        """Whether what is run is theirs."""
        return text.strip() in self.programs or any("/" not in ip and _names(text, ip) for ip in self.ips)


def _names(text: str, ip: str) -> bool:
    at = text.find(ip)
    before, after = text[at - 1 : at], text[at + len(ip) : at + len(ip) + 1]
    return at >= 0 and not (before.isdigit() or before == "." or after.isdigit())


async def _signs(ctx: Context, p: FindOtherHostsParams, host: str, marks: _Marks) -> list[str]:
    signs = [
        f"the key {key.fingerprint} lets somebody in as {key.account}"
        for key in await ctx.host.authorized_keys(host)
        if key.enabled and key.fingerprint in marks.fingerprints
    ]
    today = ctx.now.date()
    signs += [
        f"there is the account {account.id}"
        for account in await ctx.host.accounts(host)
        if account.id in marks.accounts and account.open(today)
    ]
    signs += [
        f"cron runs {entry.command}"
        for entry in await ctx.host.cron(host)
        if entry.enabled and marks.in_text(entry.command)
    ]
    signs += [
        f"the unit {unit.id} runs {unit.command}"
        for unit in await ctx.host.units(host)
        if unit.enabled != "masked" and marks.in_text(unit.command)
    ]
    signs += [
        f"{process.executable} runs as {process.account}"
        for process in await ctx.host.processes(host)
        if process.executable in marks.programs
    ]
    signs += [
        f"connected to {one.remote}"
        for one in await ctx.host.connections(host)
        if one.remote and within(canonical(one.remote), marks.ips)
    ]
    async for login in ctx.host.logins(host, p.start(ctx)):
        if login.success and within(login.origin, marks.ips):
            signs.append(f"{login.account} signed in from {login.origin} at {login.at:%Y-%m-%d %H:%M} UTC")
    return list(dict.fromkeys(signs))
