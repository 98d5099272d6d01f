"""The estate's secret stores, for the processes that hold the master key: which kinds there are, and how one is opened."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any, Final

from pydantic import SecretBytes, ValidationError

from tenantry.errors import InvalidTenant
from tenantry.estate import load_estate
from tenantry.home import Home
from tenantry.secretstore import EstateSecret, SecretStore, StoreOpener

__all__ = ["store_opener"]

_KINDS: Final = ("openbao", "aws_secrets", "azure_keyvault")
"""Packages of ``integrations`` with a module ``store``; others join through the entry points ``tenantry.secret_stores``."""


def store_opener(home: Home) -> StoreOpener:
    """Opens the stores that the home's estate.yaml names. Nothing of a vendor is imported before one of its stores is used."""

    def opened(name: str, secret: EstateSecret) -> SecretStore:
        config = load_estate(home).secret_stores.get(name)
        if config is None:
            raise InvalidTenant(
                f"estate.yaml has no secret store {name}", remedy="Bring its block back: secrets of clients lie there."
            )
        kind = _kind(config.vendor)

        def own(which: str) -> SecretBytes | None:
            ref = config.secrets.get(which)
            return None if ref is None else secret(ref)

        unknown = set(config.secrets) - set(kind.secrets)
        if unknown:
            raise InvalidTenant(f"secret_stores.{name}.secrets: {config.vendor} takes no {', '.join(sorted(unknown))}")
        try:
            store: SecretStore = kind.open(name, dict(config.settings), own)
        except ValidationError as error:
            # The settings are the store's own; their values are not repeated.
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        else:
            return store
        raise InvalidTenant(f"secret_stores.{name}.settings: {wrong}")

    return opened


def _kind(vendor: str) -> Any:
    if vendor in _KINDS:
        return importlib.import_module(f"integrations.{vendor}.store").STORE
    for point in entry_points(group="tenantry.secret_stores"):
        if point.name == vendor:
            return point.load()
    raise InvalidTenant(f"estate.yaml names an unknown kind of secret store {vendor!r} (known: {', '.join(_KINDS)})")
