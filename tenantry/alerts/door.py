"""The broker's side of the intake: which sources there are, whether a message is proven, and the key that alerts are sealed to.

The process that faces the network asks here and is given no secret: whoever takes it over can forge alerts from then on, because it says
what was accepted, but not read those that were accepted before, and cannot prove a message to anybody else. Secrets are opened once in
`KEPT` seconds and held in memory here, so that a flood of messages is not a flood of entries about reading them.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import SecretBytes, SecretStr

from tenantry.alerts.mapping import mapping_of
from tenantry.alerts.proof import prove
from tenantry.alerts.source import source
from tenantry.drop.seal import new_key, public_of
from tenantry.errors import InvalidInput, NotAuthenticated, NotFound, TenantryError
from tenantry.estate import AlertSource, Estate, load_estate
from tenantry.home import Home
from tenantry.names import MSP
from tenantry.vault import Vault

__all__ = ["KEPT", "KEY", "Door", "intake_key"]

KEY: Final = "intake/key"
"""Where in the estate's vault the private key lies that accepted alerts are sealed to."""
KEPT: Final = 30.0
"""Seconds for which a source's secrets, and the estate's list of sources, are not read again."""


def intake_key(vault: Vault) -> SecretBytes:
    """The private key that alerts are sealed to; made the first time."""

    def make() -> SecretStr:
        return SecretStr(base64.b64encode(new_key()[0].get_secret_value()).decode())

    kept = vault.get_or_create(MSP, KEY, make, kind="private_key", purpose="alerts are read with it")
    return SecretBytes(base64.b64decode(kept.get_secret_value()))


class Door:
    """Used by the broker's one thread.

    Args:
        clock: Unix time.
    """

    def __init__(self, home: Home, vault: Vault, clock: Callable[[], float] = time.time) -> None:
        self._home = home
        self._vault = vault
        self._clock = clock
        self._estate: tuple[float, Estate] | None = None
        self._secrets: dict[str, tuple[float, tuple[bytes, ...]]] = {}

    def sources(self) -> dict[str, Any]:
        """What the intake needs to know: the public key, and each source without its secret. One that cannot be used says why.

        Raises:
            InvalidTenant: estate.yaml cannot be read.
        """
        shown = {name: self._shown(one) for name, one in self._known().items()}
        return {"public": base64.b64encode(public_of(intake_key(self._vault))).decode(), "sources": shown}

    def prove(self, messages: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """For each ``{source, headers, body}`` None when it is proven, else the code of why it is not."""
        return [self._proven(one) for one in messages]

    def _proven(self, message: Mapping[str, Any]) -> str | None:
        try:
            one = self._known().get(str(message["source"]))
            if one is None or one.secret is None:
                raise NotAuthenticated("no such source")
            headers = {str(name): str(value) for name, value in message["headers"].items()}
            body = base64.b64decode(message["body"])
            prove(one.proof, self._opened(str(message["source"]), one), headers, body, self._clock())
        except TenantryError as error:
            return error.code
        return None

    def _known(self) -> Mapping[str, AlertSource]:
        now = self._clock()
        if self._estate is None or not 0 <= now - self._estate[0] < KEPT:
            self._estate = now, load_estate(self._home)
            self._secrets.clear()
        return self._estate[1].alerts

    def _opened(self, name: str, one: AlertSource) -> tuple[bytes, ...]:
        if name not in self._secrets:
            if one.secret is None:
                raise NotFound(f"the source {name} has no secret")
            value = self._vault.get(MSP, one.secret.name, purpose=f"messages of the alert source {name}")
            self._secrets[name] = (self._clock(), tuple(value.get_secret_value().split()))
        return self._secrets[name][1]

    def _shown(self, one: AlertSource) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "kind": one.kind,
            "proof": one.proof,
            "topics": one.topics,
            "settings": {},
            "problem": None,
        }
        try:
            if one.proof not in source(one.kind).proofs:
                raise InvalidInput(f"{one.kind} is not proven by {one.proof}", place="proof")
            if one.mapping is not None:
                mapped = mapping_of(self._home, one.mapping)
                shown["settings"] = {"mapping": mapped.model_dump(mode="json", by_alias=True)}
            elif one.kind == "generic":
                raise InvalidInput("generic needs a mapping", place="mapping")
        except TenantryError as error:
            shown["problem"] = error.message
        return shown
