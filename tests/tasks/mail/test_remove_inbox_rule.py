from __future__ import annotations

from tasks.mail.remove_inbox_rule import RemoveInboxRule
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant

from .test_disable_inbox_rule import prepare


class TestRemoveInboxRule(EffectContract):
    case = Case(
        task=RemoveInboxRule,
        prepare=prepare,
        writes=[("remove_rule", "id-alice/theirs", None)],
        undo_writes=None,
        foothold=True,
    )


async def test_the_others_stay_and_the_record_says_what_it_was():
    tenant = FakeTenant()
    done = await drive(tenant, RemoveInboxRule(), prepare(tenant))
    assert [r.id for r in tenant.mail.rule_list["id-alice"]] == ["own"]
    assert done.changes[0].before["name"] == "theirs"
    assert done.changes[0].before["hidden"] is True
