"""Who a policy document lets into an account, and under which conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tenantry.sweep.check import Known
from tenantry.sweep.logs.aws_meaning import let_in
from tenantry.sweep.logs.values import as_list

__all__ = ["Entrance", "entrances", "statements"]


@dataclass(frozen=True, slots=True)
class Entrance:
    """One that a statement lets in.

    Attributes:
        who: account id, or ``*``: everybody.
        external_id: only whoever knows an external id.
        actions: what it allows, in lower case.
        conditions: names and values as one text, in lower case; empty: none.
    """

    who: str
    external_id: bool
    actions: tuple[str, ...]
    conditions: str


def statements(policy: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Those that allow something."""
    for one in as_list((policy or {}).get("Statement")):
        if isinstance(one, Mapping) and one.get("Effect") == "Allow":
            yield one


def entrances(policy: Mapping[str, Any] | None, own: str, known: Known, *more: str) -> Iterator[Entrance]:
    """Strangers that a policy lets in: neither the account itself, nor one that the tenant's file names, nor one of ``more``. Statement by
    statement, because what one of them demands says nothing of the next."""
    for statement in statements(policy):
        for who in let_in({"Statement": [statement]}, own).get("outside", ()):
            if who not in known.cloud_accounts and who not in more:
                conditions = str(statement.get("Condition") or "").lower()
                yield Entrance(
                    who,
                    "sts:externalid" in conditions,
                    tuple(str(one).lower() for one in as_list(statement.get("Action"))),
                    conditions,
                )
