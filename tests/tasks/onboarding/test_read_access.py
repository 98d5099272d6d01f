from __future__ import annotations

from typing import Any

from tasks.onboarding.read_access import ReadAccess
from tenantry.capabilities.onboarding import Connection, ProviderAccess
from tenantry.task import NoParams
from tests.tasks.onboarding.hand import Hand, context, credential, system


async def read(*systems: ProviderAccess, clouds: tuple[Connection, ...] = ()) -> Any:
    hand = Hand()
    hand.systems = {one.provider: one for one in systems}
    hand.clouds = clouds
    return await ReadAccess().read(context(hand), NoParams())


async def test_what_lacks_is_asked_of_who_has_it_once_for_each_secret() -> None:
    found = await read(
        system("lacking", credential("a/key", version=None, kind="text", contact="it"), provider="a"),
        system("lacking", credential("b/token", version=None, stored_as="x"), provider="b"),
        system("lacking", credential("c/token", version=None, stored_as="x"), credential("c/there"), provider="c"),
    )
    assert [(one.contact, [e.name for e in one.expect]) for one in found.collect] == [("it", ["a/key"]), ("jo", ["x"])]
    assert (found.lacking, found.wrong) == (["a/key", "b/token", "c/token"], [])


async def test_a_system_that_does_not_answer_says_nothing_about_its_credential() -> None:
    found = await read(system("unreachable", credential("m365/secret")))
    assert (found.unreachable, found.collect, found.wrong, found.rotate) == (["m365"], [], [], [])


async def test_what_is_refused_is_asked_for_again() -> None:
    found = await read(system("refused", credential("m365/secret"), problems=("no",)))
    assert [one.expect[0].name for one in found.wrong] == ["m365/secret"]
    assert (found.collect, found.refused) == (found.wrong, ["m365/secret"])
    assert found.systems[0].problems == ["no"]


async def test_what_is_made_here_is_asked_of_nobody() -> None:
    found = await read(
        system("refused", credential("m365/certificate", collect=False)),
        clouds=(
            Connection(cloud="m365", provider="m365", signs_in=False),
            Connection(cloud="aws", provider="aws", signs_in=True),
        ),
    )
    assert found.collect == []
    assert [(one.cloud, one.known) for one in found.connect] == [("m365", True)]


async def test_what_came_from_somebody_else_is_replaced_and_what_was_stays() -> None:
    found = await read(
        system("works", credential("a/key"), provider="a"),
        system("works", credential("b/key", handed_over=False), provider="b"),
        system("untried", credential("c/hook", rotatable=False), provider="c"),
        system("unreachable", credential("d/key"), provider="d"),
    )
    assert (found.rotate, found.by_hand, found.works) == (["a/key"], ["c/hook"], ["a", "b"])
