from __future__ import annotations

import pytest

from tasks.checks.host.key_unknown import KeyUnknown
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Known, Look
from tests.tasks.checks.host._facts import NEW, NOW, account, cannot, found, key, survey

CHECK = KeyUnknown()


KNOWN = Known(keys=frozenset({"known"}))


def test_a_key_that_the_tenants_file_does_not_name() -> None:
    keys = (key("root"), key("alice", "SHA256:known"), key("root", "SHA256:ours"), key("bob", enabled=False))
    assert found(CHECK, survey(keys=keys), KNOWN) == [("high", "/home/root/.ssh/authorized_keys#SHA256:other")]


def test_without_a_list_only_new_ones_of_root_can_be_told() -> None:
    people = (account("root", 0), account("alice", 1000))
    seen = []
    with pytest.raises(CannotCheck, match="names no SSH keys"):
        seen.extend(CHECK.evaluate(survey(keys=(key("root"), key("alice")), accounts=people), Look(NOW, NEW)))
    look = Look(NOW, NEW)
    told = CHECK.evaluate(survey(keys=(key("root"), key("alice")), accounts=people), look)
    assert next(iter(told)).severity == "medium"
    assert found(CHECK, survey(keys=(key("root", "SHA256:ours"),), accounts=people)) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "keys")
