"""`host.restore_database`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import OnHost
from tasks.host._service import services
from tenantry.errors import NotVerified
from tenantry.task import Change, Context, Impact, Permission, Task


class RestoreDatabaseParams(OnHost):
    database: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", description="Name that the database gets")]
    dump: Annotated[
        str, Field(pattern=r"^/[^\x00]*$", description="pg_dump's file on the host, custom or plain format")
    ]
    proof: Annotated[
        str,
        Field(
            min_length=1, max_length=500, description="One SELECT of a number: what the database holds when it is whole"
        ),
    ]
    at_least: Annotated[int, Field(ge=1, description="Least number that the proof may give")]


class RestoreDatabase(Task[RestoreDatabaseParams]):
    """Make a PostgreSQL database out of a dump, and ask it whether it is whole.

    It is restored under another name and takes its own when the restore ended well; a database that has tables is never written over. That
    it is there proves nothing: a query must give as many as the plan says. NIST CSF 2.0, RC.RP-03. Watched for two hours.
    """

    name = "host.restore_database"
    needs = ("host_service",)
    permissions = (Permission(vendor="linux", names=("find", "cat", "runuser")),)
    impact = Impact.REVERSIBLE
    no_undo = "A database that a service may have written into already is not dropped by itself."
    timeout = 60.0
    patience = 7200.0
    Params = RestoreDatabaseParams

    async def check(self, ctx: Context, p: RestoreDatabaseParams) -> list[Change]:
        path = f"host/{p.host}/database/{p.database}"
        tables = await services(ctx).database_tables(p.host, p.database)
        if ctx.seen(path, bool(tables)):
            if tables:
                await self._prove(ctx, p)
            return []
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: RestoreDatabaseParams, changes: list[Change]) -> None:
        for _ in changes:
            await services(ctx).restore_database(p.host, p.database, p.dump, token=_token(ctx, p))

    async def verify(self, ctx: Context, p: RestoreDatabaseParams, changes: list[Change]) -> list[Change]:
        begun = await services(ctx).database_restore(p.host, token=_token(ctx, p))
        if begun.state == "failed":
            raise NotVerified(
                f"the restore of {p.database} on {p.host} failed: {begun.message or 'no reason was given'}"[:500]
            )
        if begun.state != "completed":
            return changes
        await self._prove(ctx, p)
        return []

    async def _prove(self, ctx: Context, p: RestoreDatabaseParams) -> None:
        said = (await services(ctx).query(p.host, p.database, p.proof, within=60)).strip()
        if not said.isdecimal() or int(said) < p.at_least:
            raise NotVerified(
                f"{p.database} on {p.host} is there, and its proof gives {said[:40] or 'nothing'}: at least {p.at_least} were expected",
                remedy="This is an empty or another backup: drop the database by hand, and restore the right one.",
            )


def _token(ctx: Context, p: RestoreDatabaseParams) -> str:
    return f"{ctx.run.run_id}/{p.host}/{p.database}/{p.dump}"
