"""`identity.find_added_accounts`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._addresses import Network, known_networks, within
from tasks.identity.collect_directory_events import DirectoryEvents, Event
from tenantry.capabilities import Account
from tenantry.errors import TargetNotFound
from tenantry.task import Context, Output, Permission, ReadTask

ACTIVITIES = frozenset({"Add user", "Invite external user", "Restore user"})
"""As the directory calls them; https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities"""
MOST = 200


class FindAddedAccountsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    events: Annotated[
        DirectoryEvents, Field(description="Output of identity.collect_directory_events of the compromised accounts")
    ]
    actors: Annotated[list[str], Field(max_length=500, description="User principal names of the compromised accounts")]
    attacker_ips: Annotated[
        list[str], Field(max_length=1000, description="The attacker's addresses, as far as known")
    ] = []
    known_good_ips: Annotated[
        list[Network], Field(max_length=500, description="The client's, besides the tenant's file")
    ] = []


class Added(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    upn: str
    enabled: bool
    synced: bool
    why: str
    event_id: str


class AddedAccounts(Output):
    accounts: list[Added]
    """Made by the attacker, and still there."""
    for_person: list[str]
    """Made by a compromised account, and nothing tells whether by its owner."""
    kept: list[str]
    """Made by it from the client's own address."""
    limits: list[str]


class FindAddedAccounts(ReadTask[FindAddedAccountsParams, AddedAccounts]):
    """Find accounts that were added with a compromised one, and tell the attacker's from those that its owner made.

    From an address of the attacker's it is theirs, from one of the client's the owner's; else a person decides. ATT&CK T1136.003.
    """

    name = "identity.find_added_accounts"
    needs = ("identity",)
    permissions = (Permission(vendor="microsoft365", names=("User.Read.All",)),)
    Params = FindAddedAccountsParams
    Output = AddedAccounts

    async def read(self, ctx: Context, p: FindAddedAccountsParams) -> AddedAccounts:
        own = [*known_networks(ctx.subject), *p.known_good_ips]
        actors = {name.lower() for name in p.actors}
        found: dict[str, Added] = {}
        unsure: list[str] = []
        kept: list[str] = []
        for event in p.events.events:
            if event.activity.strip() not in ACTIVITIES or event.actor_upn.lower() not in actors:
                continue
            for target in event.target_ids:
                try:
                    account = await ctx.identity.account(target)
                except TargetNotFound:
                    continue  # gone again, or no account
                if account.upn.lower() in actors:
                    continue
                why = f"{event.activity} by {event.actor_upn} from {event.actor_ip or 'nowhere that the log says'}"
                if within(event.actor_ip, p.attacker_ips):
                    found[account.id] = _added(account, why, event)
                elif within(event.actor_ip, own):
                    kept.append(account.upn)
                else:
                    unsure.append(f"{account.upn}: {why}")
        limits = [
            "an account that was added through an application or by an account that is not named here is not among these"
        ]
        if p.events.events_omitted:
            limits.append(f"{p.events.events_omitted} older directory events were not looked at")
        return AddedAccounts(
            accounts=list(found.values())[:MOST], for_person=unsure[:MOST], kept=kept[:MOST], limits=limits
        )


def _added(account: Account, why: str, event: Event) -> Added:
    return Added(
        id=account.id, upn=account.upn, enabled=account.enabled, synced=account.synced, why=why, event_id=event.id
    )
