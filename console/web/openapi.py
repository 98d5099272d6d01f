"""What the intake of alerts takes and answers, as OpenAPI 3.1: served beside it, and held against it by a test."""

from __future__ import annotations

from typing import Any, Final

from tenantry import __version__
from tenantry.alerts.message import MAX_BODY

__all__ = ["ALERTS"]


def _refusal(description: str, *, plain: bool = False) -> dict[str, Any]:
    said: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    if plain:
        said["text/plain"] = {"schema": {"type": "string"}}
    return {"description": description, "content": said}


ALERTS: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "Tenantry: intake of alerts", "version": __version__},
    "paths": {
        "/alerts/{source}": {
            "post": {
                "operationId": "accept_alerts",
                "summary": "Hand over a message with alerts; answered once they are durable.",
                "parameters": [
                    {"name": "source", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}},
                    *(
                        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
                        for name in ("Authorization", "X-Alert-Token", "X-Alert-Timestamp", "X-Alert-Signature")
                    ),
                ],
                "requestBody": {
                    "required": True,
                    "description": f"As the source sends it, {MAX_BODY} bytes at most.",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
                "responses": {
                    "202": {
                        "description": "Kept, or known already.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Kept"}}},
                    },
                    "400": _refusal("Not JSON."),
                    "401": _refusal("Not proven."),
                    "403": _refusal("From another site's page.", plain=True),
                    "404": _refusal("There is no such source.", plain=True),
                    "405": _refusal("POST alone.", plain=True),
                    "408": _refusal("The body came too slowly."),
                    "413": _refusal("Too large."),
                    "415": _refusal("Not said to be JSON."),
                    "422": _refusal("JSON, and not what the source sends."),
                    "429": _refusal("Too fast from there."),
                    "503": _refusal("It cannot be kept now: send it again."),
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Kept": {
                "type": "object",
                "required": ["alerts"],
                "additionalProperties": False,
                "properties": {
                    "alerts": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "known"],
                            "additionalProperties": False,
                            "properties": {
                                "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                                "known": {"type": "boolean"},
                            },
                        },
                    }
                },
            },
            "Refusal": {
                "type": "object",
                "required": ["code"],
                "additionalProperties": False,
                "properties": {"code": {"type": "string"}},
            },
        }
    },
}
