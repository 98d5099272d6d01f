from __future__ import annotations

from tasks.measures.entra.consent_requested import ConsentRequested
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import requests


def test_off_and_without_reviewers() -> None:
    assert asked(ConsentRequested, requests()) == []
    assert asked(ConsentRequested, requests(enabled=False)) == ["nobody can ask for consent"]
    assert asked(ConsentRequested, requests(reviewers=0)) == ["requests for consent go to nobody"]
