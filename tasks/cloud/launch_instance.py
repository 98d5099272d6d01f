"""`cloud.launch_instance`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tasks.cloud._made import due, machines, ready, token
from tenantry.task import Change, Context, Impact, Task

GroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,40}$")]


class LaunchInstanceParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    image: Annotated[str, Field(pattern=r"^ami-[0-9a-f]{8,40}$", description="Id of the image (AMI)")]
    kind: Annotated[str, Field(pattern=r"^[a-z0-9.-]{2,40}$", description="How large: t3.large")]
    subnet: Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,40}$", description="Where it stands")]
    groups: Annotated[list[GroupId], Field(min_length=1, max_length=5, description="Security groups")]
    role: Annotated[
        str, Field(max_length=128, pattern=r"^[\w+=,.@-]*$", description="Instance profile; none when empty")
    ] = ""


class LaunchInstance(Task[LaunchInstanceParams]):
    """Run an instance of an image, beside what is there, once. It counts when it runs; whether what is on it works, a health check says.

    The metadata service is asked with sessions alone (IMDSv2). NIST CSF 2.0, RC.RP-03.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
    """

    name = "cloud.launch_instance"
    needs = ("cloud_machines",)
    permissions = (
        aws("ec2:DescribeVolumes", "ec2:DescribeInstances", "ec2:DescribeImages", "ec2:RunInstances"),
        aws("ec2:CreateTags", "iam:PassRole"),
    )
    impact = Impact.REVERSIBLE
    no_undo = (
        "Terminating instances is a right that our role does not have: whoever looked at it terminates it by hand."
    )
    timeout = 60.0
    patience = 1800.0
    Params = LaunchInstanceParams

    async def check(self, ctx: Context, p: LaunchInstanceParams) -> list[Change]:
        return await due(ctx, f"image/{p.image}/instance:{token(ctx)}", p.image)

    async def apply(self, ctx: Context, p: LaunchInstanceParams, changes: list[Change]) -> None:
        for _ in changes:
            await machines(ctx).create_instance(p.image, p.kind, p.subnet, p.groups, p.role, token=token(ctx))

    async def verify(self, ctx: Context, p: LaunchInstanceParams, changes: list[Change]) -> list[Change]:  # noqa: ARG002  # by token
        return [] if await ready(ctx, "the instance") else changes
