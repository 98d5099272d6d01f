"""`measures.entra.methods_off`"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from tasks.checks._collect.tenant_settings import sign_in_methods
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import SignInMethods
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class Methods(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    methods: tuple[str, ...] = Field(default=("Sms", "Voice", "Email"), min_length=1, description="The vendor's names")


class MethodsOff(FactMeasure[SignInMethods]):
    """Ways to sign in that others can take over or talk people out of are off.

    https://learn.microsoft.com/entra/identity/authentication/concept-authentication-methods
    """

    name = "measures.entra.methods_off"
    Params = Methods
    source = sign_in_methods

    def subject(self, fact: SignInMethods) -> str:
        del fact
        return "the directory"

    def judge(self, fact: SignInMethods, look: Look) -> Iterable[str] | None:
        del look
        untold = [name for name in self.p.methods if name not in fact.states]
        wrong = [f"{name} is on" for name in self.p.methods if fact.states.get(name)]
        if untold and not wrong:
            raise CannotCheck(f"whether {', '.join(untold)} is on is not told")
        return wrong
