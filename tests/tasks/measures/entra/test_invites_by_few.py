from __future__ import annotations

from tasks.measures.entra.invites_by_few import InvitesByFew
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import liberties


def test_by_whom() -> None:
    assert asked(InvitesByFew, liberties()) == asked(InvitesByFew, liberties(invites="adminsAndGuestInviters")) == []
    told = "guests are invited by more than those whose task it is (everyone)"
    assert asked(InvitesByFew, liberties(invites="everyone")) == [told]
    assert asked(InvitesByFew, liberties(invites="")) == "who may invite guests is not told"
