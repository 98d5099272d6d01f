from __future__ import annotations

from tasks.measures.entra.consent_restricted import ConsentRestricted
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import liberties


def test_rules() -> None:
    low, old = "microsoft-user-default-low", "microsoft-user-default-legacy"
    assert asked(ConsentRestricted, liberties()) == asked(ConsentRestricted, liberties(consents=(low,))) == []
    told = [f"people may consent for themselves by the rule {old}"]
    assert asked(ConsentRestricted, liberties(consents=(low, old))) == told
    assert asked(ConsentRestricted, liberties(consents=(old,)), allowed=(old,)) == []
