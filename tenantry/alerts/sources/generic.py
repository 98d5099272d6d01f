"""Any source that sends JSON: which field means what is data of the operator's (`tenantry.alerts.mapping`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.alerts.mapping import FieldMap
from tenantry.alerts.model import Alert
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import Source


class Generic(Source):
    """Whatever a mapping describes."""

    kind = "generic"
    title = "Anything that sends JSON"
    proofs = ("hmac", "token", "svix")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        return FieldMap.model_validate(settings["mapping"]).split(body)

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        return FieldMap.model_validate(settings["mapping"]).read(item)
