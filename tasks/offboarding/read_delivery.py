"""`offboarding.read_delivery`"""

from __future__ import annotations

from tasks.human._text import clean
from tasks.offboarding._desk import desk
from tenantry.errors import NotVerified
from tenantry.task import Context, NoParams, Output, ReadTask


class DeliveryRead(Output):
    """The package at the client's place, every byte of it read back. ``manifest`` binds all of it; in a plan it is empty."""

    manifest: str
    place: str
    files: int
    size: int
    credentials: int
    summary: list[str]


class ReadDelivery(ReadTask[NoParams, DeliveryRead]):
    """See that the hand-over of this run was delivered and read back: that the record says so, and not that somebody does."""

    name = "offboarding.read_delivery"
    needs = ("offboarding",)
    Output = DeliveryRead

    async def read(self, ctx: Context, p: NoParams) -> DeliveryRead:  # noqa: ARG002  # it has none
        found = await desk(ctx).delivered(ctx.run.run_id)
        if found is None and ctx.run.mode == "plan":
            return DeliveryRead(manifest="", place="", files=0, size=0, credentials=0, summary=["nothing yet: a plan"])
        if found is None:
            raise NotVerified(
                "no package of this run was delivered and read back",
                remedy=f"`tenantry offboarding deliver {ctx.run.run_id}`, then resume the run.",
            )
        summary = [
            f"{found.files} files, {found.size} bytes, at {found.place}",
            f"{found.credentials} credentials, sealed to the client's own keys",
            *(f"not in it: {one}" for one in found.left_out),
        ]
        return DeliveryRead(
            manifest=found.manifest_sha256,
            place=found.place,
            files=found.files,
            size=found.size,
            credentials=found.credentials,
            summary=[clean(line) for line in summary],
        )
