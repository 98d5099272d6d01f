"""`cloud.isolate_instance`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tenantry.capabilities import Instance
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task

InstanceRef = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+$", description="Id of the instance")]
ISOLATED = ["isolation group"]
"""What a change says of the groups afterwards: which group that is, is only known once there is one in the network."""


class IsolateInstanceParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    instance: InstanceRef


class IsolateInstance(Task[IsolateInstanceParams]):
    """Cut one instance off from every network by a security group that lets nothing in and nothing out. It keeps running.

    Not stopped, because its memory is evidence. The group is made closed: a new one would allow all outgoing traffic. Connections that are tracked
    already live on until they end, and the runbook's report says so. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
    """

    name = "cloud.isolate_instance"
    needs = ("cloud",)
    permissions = (
        aws("ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:ModifyNetworkInterfaceAttribute"),
        aws("ec2:DescribeSecurityGroups", "ec2:CreateSecurityGroup", "ec2:CreateTags"),
        aws("ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
    )
    impact = Impact.DISRUPTIVE
    timeout = 30.0
    Params = IsolateInstanceParams

    async def check(self, ctx: Context, p: IsolateInstanceParams) -> list[Change]:
        found = await ctx.cloud.instance(p.instance)
        if found.state in ("terminated", "shutting-down"):
            return []
        changes = []
        for interface in found.interfaces:
            path = f"instance/{found.id}/interface:{interface.id}"
            group = await ctx.cloud.isolation_group(found.region, interface.network)
            isolated = group is not None and group.closed and interface.groups == (group.id,)
            if not isolated and ctx.seen(path, None) != ISOLATED:
                changes.append(Change(path=path, before=list(interface.groups), after=ISOLATED))
        return changes

    async def apply(self, ctx: Context, p: IsolateInstanceParams, changes: list[Change]) -> None:
        found = await ctx.cloud.instance(p.instance)
        wanted = {change.path.rsplit(":", 1)[-1] for change in changes}
        for interface in found.interfaces:
            if interface.id in wanted:
                group = await ctx.cloud.create_isolation_group(found.region, interface.network)
                await ctx.cloud.set_groups(interface.id, [group.id])

    async def undo(self, ctx: Context, p: IsolateInstanceParams, changes: list[Change]) -> None:
        found = await ctx.cloud.instance(p.instance)
        present = {interface.id: interface for interface in found.interfaces}
        for change in changes:
            interface = present.get(change.path.rsplit(":", 1)[-1])
            if interface is None or list(interface.groups) == change.before:
                continue
            group = await ctx.cloud.isolation_group(found.region, interface.network)
            if group is None or interface.groups != (group.id,):
                raise Conflict(f"{found.id} is neither isolated nor as it was")
            await ctx.cloud.set_groups(interface.id, list(change.before))

    async def guard(self, ctx: Context, p: IsolateInstanceParams) -> list[str]:
        return _protected(ctx, await ctx.cloud.instance(p.instance))


def _protected(ctx: Context, found: Instance) -> list[str]:
    if {found.id.lower(), found.name.lower()} & {name.lower() for name in ctx.protected}:
        return [f"{found.name or found.id} is a responder's machine of this tenant"]
    return []
