"""`checks.cloud_exposure.function_layer_outside`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.cloud import cloud_functions
from tenantry.capabilities import CloudFunction
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_VENDORS: Final = frozenset({"580247275435", "017000801446", "901920570463", "336392948345"})
"""Accounts from which AWS itself gives out layers: Lambda Insights, Powertools, OpenTelemetry, SDK for pandas (their pages name them)."""


class FunctionLayerOutside(Check[CloudFunction]):
    """A function runs code of another account, which its owner can exchange.

    ATT&CK T1648, T1525; https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
    """

    name = "checks.cloud_exposure.function_layer_outside"
    title = "Function loads a stranger's layer"
    severity = "medium"
    attack = ("T1648", "T1525")
    remedy = "Ask whose layer it is; deploy the function without it."
    collect = cloud_functions

    def evaluate(self, fact: CloudFunction, look: Look) -> Iterable[Finding]:
        outside = [
            layer for layer in fact.layers if _owner(layer) not in {fact.account, *look.known.cloud_accounts, *_VENDORS}
        ]
        if outside:
            yield self.finding(
                ("function", fact.id),
                f"{fact.name} loads {', '.join(outside)}",
                at=fact.changed_at if look.new(fact.changed_at) else None,
                layers=outside,
                role=fact.role,
            )


def _owner(layer: str) -> str:
    """``arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION``."""
    parts = layer.split(":")
    return parts[4] if len(parts) > 4 else ""
