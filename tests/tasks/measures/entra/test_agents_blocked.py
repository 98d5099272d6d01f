from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tasks.measures.entra.agents_blocked import AgentsBlocked
from tests.tasks.measures.given import listed, measured


def policy(name: str, control: str | None, *, enforced: bool = True) -> Any:
    raw = {"grantControls": None if control is None else {"builtInControls": [control]}}
    return SimpleNamespace(name=name, enforced=enforced, raw=raw)


async def test_a_person_is_told_which_rules_to_look_at() -> None:
    rules = [policy("b", "block"), policy("a", "block"), policy("m", "mfa"), policy("s", None)]
    rules.append(policy("off", "block", enforced=False))
    for given, named in ((rules, ("a", "b")), ([], ())):
        found = await measured(AgentsBlocked(), directory=SimpleNamespace(policies=listed(*given)))
        assert (found.status, found.about, found.looked_at) == ("for_person", named, len(given))
