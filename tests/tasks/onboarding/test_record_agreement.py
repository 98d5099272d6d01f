from __future__ import annotations

from tasks.onboarding.record_agreement import RecordAgreement, RecordAgreementParams
from tests.tasks.onboarding.hand import Hand, context


def params(digest: str = "d" * 64) -> RecordAgreementParams:
    return RecordAgreementParams(digest=digest, file_sha256="f" * 64, by="kim", at="2026-11-22T10:00:00Z")


async def test_it_is_recorded_once_with_who_confirmed_it() -> None:
    hand, task = Hand(), RecordAgreement()
    changes = await task.check(context(hand), params())
    assert [(one.path, one.before, one.after) for one in changes] == [("agreement/acme/digest", None, "d" * 64)]
    await task.apply(context(hand), params(), changes)
    assert await task.verify(context(hand), params(), changes) == []
    assert [(one["by"], one["run"], one["file_sha256"]) for one in hand.agreements] == [("kim", "run-1", "f" * 64)]


async def test_another_text_is_recorded_after_it() -> None:
    hand, task = Hand(), RecordAgreement()
    hand.agreements.append({"digest": "d" * 64})
    [change] = await task.check(context(hand), params("e" * 64))
    assert (change.before, change.after) == ("d" * 64, "e" * 64)
    assert await task.check(context(hand, planned={change.path: change.after}), params("e" * 64)) == []
