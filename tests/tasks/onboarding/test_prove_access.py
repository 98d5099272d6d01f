from __future__ import annotations

from typing import Any

import pytest

from tasks.onboarding.prove_access import ProveAccess, ProveAccessParams
from tenantry.capabilities.onboarding import Excess, ProviderAccess
from tenantry.errors import CannotCheck, NotVerified
from tests.tasks.onboarding.hand import Hand, context, credential, system


async def prove(one: ProviderAccess, mode: str = "run") -> Any:
    hand = Hand()
    hand.systems["m365"] = one
    return await ProveAccess().read(context(hand, mode), ProveAccessParams(provider="m365"))


async def test_rights_are_recorded_and_too_many_are_a_finding() -> None:
    more = Excess(name="Directory.ReadWrite.All", instead=("User.Read.All",))
    found = await prove(system("works", granted=3, missing=("Mail.Read",), excess=(more,)))
    assert (found.granted, found.missing) == (3, ["Mail.Read"])
    assert [(one.name, one.instead) for one in found.excess] == [("Directory.ReadWrite.All", ["User.Read.All"])]


async def test_what_does_not_answer_is_unknown_and_no_pass() -> None:
    with pytest.raises(CannotCheck, match="does not answer"):
        await prove(system("unreachable", problems=("timed out",)))


async def test_where_some_hosts_let_us_in_the_others_are_named() -> None:
    away = "web1 does not let us in; the other 2 do"
    with pytest.raises(CannotCheck, match=r"^m365: web1 does not let us in; the other 2 do; web1: timed out$"):
        await prove(system("unreachable", problems=(away, "web1: timed out"), away=away))


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (system("refused", credential("m365/s")), "refuses us"),
        (system("lacking", credential("m365/s", version=None)), "has no credential yet .m365/s."),
    ],
)
async def test_what_does_not_sign_in_is_said(one: ProviderAccess, why: str) -> None:
    with pytest.raises(NotVerified, match=why):
        await prove(one)
    assert (await prove(one, "plan")).state == "planned"


async def test_what_shows_in_use_alone_is_called_so() -> None:
    assert (await prove(system("untried"))).state == "untried"
