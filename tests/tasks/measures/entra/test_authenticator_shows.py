from __future__ import annotations

from tasks.measures.entra.authenticator_shows import AuthenticatorShows
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import methods


def test_what_it_shows() -> None:
    assert asked(AuthenticatorShows, methods()) == []
    assert asked(AuthenticatorShows, methods(shows=("app",))) == ["it does not show everybody from where"]
    assert asked(AuthenticatorShows, methods(states={"MicrosoftAuthenticator": False})) is None
    assert asked(AuthenticatorShows, methods(states={})) == "whether Microsoft Authenticator is on is not told"
