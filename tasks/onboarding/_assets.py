"""What a client has, kind by kind: readings of the inventory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from tasks.checks._collect.access import directory_domains
from tasks.checks._collect.cloud import cloud_machines
from tasks.checks._collect.mailboxes import MailboxSettings, mailboxes
from tasks.checks._collect.people import devices
from tenantry.capabilities import Account, Bucket, CloudCaller, HostRef, Instance, Zone
from tenantry.sweep.check import Collector, Giver, collector
from tenantry.task import Permission

__all__ = ["KINDS", "Kind"]

Row = dict[str, Any]


def _microsoft(*names: str) -> tuple[Permission, ...]:
    return (Permission(vendor="microsoft365", names=names),)


def _aws(*names: str) -> tuple[Permission, ...]:
    return (Permission(vendor="aws", names=names),)


@collector("identity", permissions=_microsoft("User.Read.All"))
async def accounts(given: Giver) -> AsyncIterator[Account]:
    """Every account of the directory."""
    async for found in (await given.capability("identity")).accounts():
        yield found


@collector("host")
async def hosts(given: Giver) -> AsyncIterator[HostRef]:
    """Every host of the client's file; signs in nowhere."""
    for found in await (await given.capability("host")).hosts():
        yield found


@collector("cloud_identity", permissions=_aws("sts:GetCallerIdentity"))
async def cloud_account(given: Giver) -> AsyncIterator[CloudCaller]:
    """The cloud account that we work in."""
    yield await (await given.capability("cloud_identity")).caller()


@collector("cloud", permissions=_aws("ec2:DescribeInstances"))
async def instances(given: Giver) -> AsyncIterator[Instance]:
    """Instances in the regions of the client's file."""
    async for found in (await given.capability("cloud")).instances():
        yield found


@collector("storage", permissions=_aws("s3:ListAllMyBuckets", "s3:GetBucketLocation"))
async def buckets(given: Giver) -> AsyncIterator[Bucket]:
    """Every bucket."""
    async for found in (await given.capability("storage")).buckets():
        yield found


@collector("dns", permissions=_aws("route53:ListHostedZones"))
async def zones(given: Giver) -> AsyncIterator[Zone]:
    """Every zone."""
    async for found in (await given.capability("dns")).zones():
        yield found


@dataclass(frozen=True, slots=True)
class Reading:
    """One place that a kind is read from, and how a fact becomes a row: ``id``, ``name``, and what else is worth knowing."""

    source: Collector[Any]
    row: Callable[[Any], Row | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that a client has.

    Attributes:
        title: for people, in the plural.
        readings: where it is read from.
        first: one of them is enough: the first that the client has something for. Else all are read, and what two of them name the same
            counts once.
    """

    name: str
    title: str
    readings: tuple[Reading, ...]
    first: bool = False


def _account(one: Account) -> Row:
    return {"id": one.id, "name": one.upn, "shown_as": one.display_name, "enabled": one.enabled, "synced": one.synced}


def _mailbox(one: MailboxSettings) -> Row:
    return {"id": one.mailbox.id, "name": one.mailbox.address, "sort": one.mailbox.kind}


def _device(one: Any) -> Row:
    return {"id": one.id, "name": one.name, "system": one.operating_system, "enabled": one.enabled}


def _machine(one: Any) -> Row | None:
    if one.state == "terminated":
        return None  # gone, and listed for an hour
    return {"id": one.id, "name": one.name, "region": one.region, "size": one.kind, "state": one.state}


def _bucket(one: Bucket) -> Row:
    return {"id": one.name, "name": one.name, "region": one.region, "created_at": one.created_at.isoformat()}


KINDS: Final = (
    Kind("users", "User accounts", (Reading(accounts, _account),)),
    Kind("mailboxes", "Mailboxes", (Reading(mailboxes, _mailbox),)),
    Kind("devices", "Devices", (Reading(devices, _device),)),
    Kind("hosts", "Servers", (Reading(hosts, lambda one: {"id": one.id, "name": one.id, "address": one.address}),)),
    Kind(
        "cloud_accounts",
        "Cloud accounts",
        (Reading(cloud_account, lambda one: {"id": one.account, "name": one.account, "regions": list(one.regions)}),),
    ),
    # In every region where the provider can look there, because forgotten machines stand where nobody looks.
    Kind(
        "machines",
        "Cloud machines",
        (Reading(cloud_machines, _machine), Reading(instances, _machine)),
        first=True,
    ),
    Kind("buckets", "Storage buckets", (Reading(buckets, _bucket),)),
    Kind(
        "domains",
        "Domains",
        (
            Reading(
                directory_domains, lambda one: {"id": one.name.lower(), "name": one.name, "verified": one.verified}
            ),
            Reading(zones, lambda one: {"id": one.name.rstrip(".").lower(), "name": one.name, "private": one.private}),
        ),
    ),
)
"""What is looked for, in the order in which it is told."""
