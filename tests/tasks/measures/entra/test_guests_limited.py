from __future__ import annotations

from tasks.measures.entra.guests_limited import GuestsLimited
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import liberties


def test_what_they_see() -> None:
    assert asked(GuestsLimited, liberties()) == asked(GuestsLimited, liberties(guests="restricted")) == []
    assert asked(GuestsLimited, liberties(guests="members")) == ["guests see what members see"]
    assert asked(GuestsLimited, liberties(guests="")) == "what guests see is not told"
