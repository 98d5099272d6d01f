"""`measures.entra.authenticator_shows`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.tenant_settings import sign_in_methods
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import SignInMethods
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class AuthenticatorShows(FactMeasure[SignInMethods]):
    """Who is asked to approve a sign-in sees which application asks, and from where.

    https://learn.microsoft.com/entra/identity/authentication/how-to-mfa-additional-context
    """

    name = "measures.entra.authenticator_shows"
    source = sign_in_methods

    def subject(self, fact: SignInMethods) -> str:
        del fact
        return "Microsoft Authenticator"

    def judge(self, fact: SignInMethods, look: Look) -> Iterable[str] | None:
        del look
        if "MicrosoftAuthenticator" not in fact.states:
            raise CannotCheck("whether Microsoft Authenticator is on is not told")
        if not fact.states["MicrosoftAuthenticator"]:
            return None
        wanted = {"app": "which application asks", "location": "from where"}
        return [f"it does not show everybody {said}" for shown, said in wanted.items() if shown not in fact.shows]
