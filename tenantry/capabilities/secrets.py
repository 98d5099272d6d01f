"""What a task may do with the tenant's vault: have a secret made and stored, never look around in it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pydantic import SecretStr


@runtime_checkable
class Secrets(Protocol):
    async def generate_password(self, name: str) -> SecretStr:
        """A random password stored under ``name`` in this tenant's vault before it is returned. The same name gives the
        same password again, so that an interrupted step can be repeated."""
        ...

    def reference(self, name: str) -> str:
        """``vault:<tenant>/<name>``: what may be shown and journalled."""
        ...
