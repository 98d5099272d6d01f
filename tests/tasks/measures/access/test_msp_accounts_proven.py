from __future__ import annotations

from types import SimpleNamespace

from tasks.measures.access.msp_accounts_proven import MspAccountsProven
from tenantry.capabilities import Registration
from tests.tasks.measures.given import NOBODY, listed, measured


def one(upn: str, factor: bool, name: str = "id-x") -> Registration:
    return Registration(account_id=name, upn=upn, administrator=True, second_factor=factor, methods=(), raw={})


def directory(*found: Registration) -> SimpleNamespace:
    return SimpleNamespace(registrations=listed(*found))


OURS = (one("BreakGlass@acme.example", True), one("other@acme.example", True, "id-breakglass"))


async def test_all_of_ours_have_one() -> None:
    found = await measured(MspAccountsProven(), directory=directory(*OURS, one("anna@acme.example", False)))
    assert (found.status, found.looked_at) == ("pass", 2)  # anna is not ours


async def test_one_without_is_named() -> None:
    found = await measured(MspAccountsProven(), directory=directory(one("breakglass@acme.example", False), OURS[1]))
    assert (found.status, found.about) == ("fail", ("breakglass@acme.example",))


async def test_an_account_that_is_not_there_is_no_pass() -> None:
    found = await measured(MspAccountsProven(), directory=directory(OURS[0]))
    assert (found.status, found.about) == ("unknown", ("id-breakglass",))
    assert (await measured(MspAccountsProven(), directory=directory())).status == "unknown"


async def test_who_names_nobody_is_asked() -> None:
    assert (await measured(MspAccountsProven(), NOBODY, directory=directory(*OURS))).status == "for_person"
