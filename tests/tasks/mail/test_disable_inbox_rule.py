from __future__ import annotations

import pytest

from tasks.mail.disable_inbox_rule import DisableInboxRule
from tenantry.capabilities import InboxRule
from tenantry.errors import Conflict
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive, undo
from tests.support.fakes import FakeTenant


def rule(id: str, **changes) -> InboxRule:
    facts = {
        "id": id,
        "name": id,
        "enabled": True,
        "hidden": False,
        "forward_to": (),
        "redirect_to": (),
        "move_to_folder": None,
        "delete": False,
        "mark_read": False,
        "raw": {"RuleIdentity": id},
    }
    return InboxRule(**{**facts, **changes})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.mail.rule_list[account.id] = [rule("theirs", hidden=True), rule("own")]
    return {"account": account.upn, "rule_id": "theirs"}


class TestDisableInboxRule(ContestedEffectContract):
    case = Case(
        task=DisableInboxRule,
        prepare=prepare,
        writes=[("set_rule_enabled", "id-alice/theirs", False)],
        undo_writes=[("set_rule_enabled", "id-alice/theirs", True)],
        seen=lambda tenant: [(r.id, r.enabled) for r in tenant.mail.rule_list["id-alice"]],
        upsets=lambda tenant: tenant.mail.rule_list["id-alice"].clear(),
        foothold=True,
    )


async def test_an_id_that_is_not_there_touches_no_other_rule():
    tenant = FakeTenant()
    params = {**prepare(tenant), "rule_id": "gone"}
    assert (await drive(tenant, DisableInboxRule(), params)).outcome is Outcome.ALREADY
    assert tenant.writes == []


async def test_undo_of_a_rule_that_was_removed_is_a_conflict():
    tenant = FakeTenant()
    params = prepare(tenant)
    made = await drive(tenant, DisableInboxRule(), params)
    tenant.mail.rule_list["id-alice"] = []
    with pytest.raises(Conflict):
        await undo(tenant, DisableInboxRule(), params, made.changes)
