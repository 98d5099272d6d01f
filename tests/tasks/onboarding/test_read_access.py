from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tasks.onboarding.read_access import ReadAccess, ReadAccessParams
from tenantry.capabilities.onboarding import Connection, ProviderAccess
from tests.support.fakes import NOW
from tests.tasks.onboarding.hand import Hand, context, credential, system


async def read(*systems: ProviderAccess, clouds: tuple[Connection, ...] = ()) -> Any:
    hand = Hand()
    hand.systems = {one.provider: one for one in systems}
    hand.clouds = clouds
    return await ReadAccess().read(context(hand), ReadAccessParams())


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
            Connection(cloud="m365", provider="m365"),
            Connection(cloud="aws", provider=None),
        ),
    )
    assert found.collect == []
    assert [(one.cloud, one.known) for one in found.connect] == [("m365", True), ("aws", False)]


async def test_what_came_from_somebody_else_is_replaced_and_what_was_stays() -> None:
    found = await read(
        system("works", credential("a/key"), provider="a"),
        system("works", credential("b/key", handed_over=False), provider="b"),
        system("untried", credential("c/hook", rotatable=False), provider="c"),
        system("unreachable", credential("d/key"), provider="d"),
    )
    assert (found.rotate, found.by_hand, found.works) == (["a/key"], ["c/hook"], ["a", "b"])


async def test_a_cloud_that_signs_in_is_connected() -> None:
    found = await read(system("works", credential("aws/key")), clouds=(Connection(cloud="m365", provider="m365"),))
    assert found.connect == []


class Counting(Hand):
    def __init__(self, *systems: ProviderAccess) -> None:
        super().__init__()
        self.systems = {one.provider: one for one in systems}
        self.tried: list[str] = []

    async def access(self, provider: str) -> ProviderAccess:
        self.tried.append(provider)
        return await super().access(provider)


async def test_what_worked_is_tried_again_only_with_another_credential() -> None:
    hand = Counting(
        system("works", credential("a/key"), provider="a"),
        system("works", credential("b/key"), provider="b"),
        system("refused", credential("c/key"), provider="c"),
    )
    before = await ReadAccess().read(context(hand), ReadAccessParams())
    hand.tried.clear()
    hand.systems["b"] = system("refused", credential("b/key", version=2), provider="b")
    hand.systems["c"] = system("works", credential("c/key", version=2), provider="c")
    found = await ReadAccess().read(context(hand), ReadAccessParams(before=before))
    assert hand.tried == ["b", "c"]
    assert (found.works, found.refused, found.rotate) == (["a", "c"], ["b/key"], ["a/key", "c/key"])
    # What is gone from the vault, or new in the file, is seen all the same.
    hand.systems["a"] = system("lacking", credential("a/key", version=None), provider="a")
    hand.systems["d"] = system("works", credential("d/key"), provider="d")
    hand.tried.clear()
    found = await ReadAccess().read(context(hand), ReadAccessParams(before=found))
    assert (found.lacking, hand.tried) == (["a/key"], ["a", "b", "d"])


async def test_what_did_not_answer_is_left_alone_for_minutes_and_not_for_days() -> None:
    hand = Counting(system("unreachable", credential("m365/secret"), problems=("no answer",)))
    before = await ReadAccess().read(context(hand), ReadAccessParams())
    soon = await ReadAccess().read(context(hand), ReadAccessParams(before=before))
    assert (hand.tried, soon.unreachable, soon.systems[0].problems) == (["m365"], ["m365"], ["no answer"])
    later = replace(context(hand), now=NOW + timedelta(hours=1))
    await ReadAccess().read(later, ReadAccessParams(before=soon))
    assert hand.tried == ["m365", "m365"]
