"""Checks that are asked on the client's own hosts: what answers wrongly is down, what could not be asked is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from flows.probing import Rehearsed, TenantProbing
from tenantry.capabilities.host_service import CommandOutput
from tenantry.disaster.judge import judged
from tenantry.disaster.probes import DataProbe, Probe
from tenantry.errors import NoProvider, PermissionMissing, Rejected, Unreachable

NOW = datetime(2026, 11, 22, tzinfo=UTC)
COMMAND = {"kind": "command", "host": "web", "argv": ["systemctl", "is-active", "shop"], "contains": "active"}
SQL = {"kind": "sql", "host": "web", "database": "shop", "query": "SELECT count(*) FROM orders", "at_least": 1}
ROWS = {"kind": "newest_row", "host": "web", "database": "shop", "newest": "n", "count": "c", "at_least": 1}


class Hosts:
    """Answers what it was told, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    async def capability(self, name: str) -> Any:
        assert name == "host_service"
        if isinstance(self.answers[0], NoProvider):
            raise self.answers[0]
        return self

    async def command(self, host: str, argv: Sequence[str], *, root: bool, within: float) -> CommandOutput:
        return self._next()

    async def query(self, host: str, database: str, sql: str, *, within: float) -> str:
        return self._next()

    def _next(self) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("probe", "answers", "holds"),
    [
        (COMMAND, [CommandOutput(status=0, output="active\n")], True),
        (COMMAND, [CommandOutput(status=3, output="inactive\n")], False),  # it says "active" too
        (COMMAND, [CommandOutput(status=0, output="")], False),
        (COMMAND, [Unreachable("web does not answer")], False),
        (COMMAND, [PermissionMissing("sudo refuses")], None),
        (COMMAND, [NoProvider("no hosts")], None),
        (SQL, ["12\n"], True),
        (SQL, ["0"], False),
        (SQL, [""], False),
        (SQL, [Rejected("the database is starting up")], False),
        (SQL, [NoProvider("no hosts")], None),
    ],
)
async def test_what_lies_does_not_hold_and_what_was_not_asked_is_not_known(
    probe: dict[str, Any], answers: list[Any], holds: bool | None
) -> None:
    one: Any = TypeAdapter(Probe).validate_python(probe)
    assert judged(one, await TenantProbing(Hosts(*answers), {}).ask(one), NOW).holds is holds


async def test_rows_are_counted_and_timed_and_nonsense_is_an_error() -> None:
    one: Any = TypeAdapter(DataProbe).validate_python(ROWS)
    found = await TenantProbing(Hosts("3", "2026-11-21 10:00:00+00"), {}).ask(one)
    assert (found.count, found.newest) == (3, datetime(2026, 11, 21, 10, tzinfo=UTC))
    empty = await TenantProbing(Hosts("0", ""), {}).ask(one)
    assert (empty.count, empty.newest) == (0, None)
    for answers in (("many", ""), ("3", "yesterday")):
        assert (await TenantProbing(Hosts(*answers), {}).ask(one)).error


async def test_a_drill_asks_nobody() -> None:
    one: Any = TypeAdapter(Probe).validate_python(SQL)
    assert (await Rehearsed().ask(one)).rehearsed
