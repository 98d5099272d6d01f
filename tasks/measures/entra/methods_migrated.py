"""`measures.entra.methods_migrated`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.tenant_settings import sign_in_methods
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import SignInMethods
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class MethodsMigrated(FactMeasure[SignInMethods]):
    """One policy says which ways to sign in there are: older settings beside it do not count.

    https://learn.microsoft.com/entra/identity/authentication/how-to-authentication-methods-manage
    """

    name = "measures.entra.methods_migrated"
    source = sign_in_methods

    def subject(self, fact: SignInMethods) -> str:
        del fact
        return "the directory"

    def judge(self, fact: SignInMethods, look: Look) -> Iterable[str] | None:
        del look
        if not fact.migration:
            raise CannotCheck("whether older settings count is not told")
        return [] if fact.migration == "migrationComplete" else [f"older settings count as well ({fact.migration})"]
