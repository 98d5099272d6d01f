from __future__ import annotations

from tasks.checks.mail.mailbox_forwards_outside import MailboxForwardsOutside
from tenantry.capabilities import Forwarding
from tests.tasks.checks.looks import LATELY, LONG_AGO, found
from tests.tasks.checks.mail._facts import ANNA, settings

CHECK = MailboxForwardsOutside()
OUT = Forwarding(smtp_address="eve@evil.example", keep_copy=True)


def test_outside_is_a_finding() -> None:
    assert found(CHECK, settings(OUT)) == [("critical", ANNA)]
    assert found(CHECK, settings(OUT, changed_at=LATELY)) == [("critical", ANNA)]
    assert found(CHECK, settings(Forwarding(address="eve@evil.example"))) == [("critical", ANNA)]


def test_of_old_it_weighs_less() -> None:
    assert found(CHECK, settings(OUT, changed_at=LONG_AGO)) == [("medium", ANNA)]


def test_inside_or_nowhere() -> None:
    assert found(CHECK, settings(Forwarding(smtp_address="bob@acme.example"))) == []
    assert found(CHECK, settings(Forwarding(address="Reception"))) == []
    assert found(CHECK, settings()) == []
