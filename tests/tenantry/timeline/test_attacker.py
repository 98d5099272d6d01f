from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tenantry.timeline import AttackerEvent

FACTS: dict[str, Any] = {
    "at": "2026-11-19T01:09:04Z",
    "title": "Signed in",
    "source": "sign-in log",
    "certainty": "attributed",
}


def test_it_survives_the_record() -> None:
    event = AttackerEvent.model_validate(FACTS | {"techniques": ["T1078.004"]})
    assert AttackerEvent.model_validate(event.model_dump(mode="json")) == event


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "2026-11-19T01:09:04"},
        {"title": ""},
        {"certainty": "sure"},
        {"techniques": ["T99"]},
        {"kind": "No Kind"},
        {"extra": 1},
    ],
)
def test_what_an_event_must_have(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AttackerEvent.model_validate(FACTS | wrong)
