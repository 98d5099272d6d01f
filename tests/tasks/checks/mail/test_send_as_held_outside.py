from __future__ import annotations

from tasks.checks._collect.mailboxes import SendAs
from tasks.checks.mail.send_as_held_outside import SendAsHeldOutside
from tenantry.capabilities import SendAsRight
from tests.tasks.checks.looks import found
from tests.tasks.checks.mail._facts import OWN

CHECK = SendAsHeldOutside()


def right(trustee: str) -> SendAs:
    return SendAs(SendAsRight(mailbox="sales", trustee=trustee, raw={}), OWN)


def test_guests_and_strangers() -> None:
    assert found(CHECK, right("eve_evil.example#ext#@acme.onmicrosoft.com")) == [("high", "sales")]
    assert found(CHECK, right("eve@evil.example")) == [("high", "sales")]


def test_colleagues_and_groups() -> None:
    assert found(CHECK, right("bob@acme.example")) == []
    assert found(CHECK, right("carl@acme-group.example")) == []
    assert found(CHECK, right("sales team")) == []
