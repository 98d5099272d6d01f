"""Checks requests against Microsoft Graph's own contract: path, method, query options and JSON body.

The contract is an OpenAPI document made from Graph's public metadata. It is large and not kept here: the tests that need it are skipped unless the
environment variable ``TENANTRY_GRAPH_CONTRACT`` names the file::

    contract = GraphContract.from_environment()
    if contract is None:
        pytest.skip("TENANTRY_GRAPH_CONTRACT is not set")
    assert contract.complaints("PATCH", "/v1.0/users/1", body={"acountEnabled": False})

``unevaluatedProperties: false`` is added to each type, so that a misspelt property is found, which OpenAPI alone would let pass.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator, FormatChecker

VARIABLE = "TENANTRY_GRAPH_CONTRACT"
_ALWAYS = frozenset({"$skiptoken", "$format"})
"""Options that every list takes and that the metadata does not name."""
_OPEN = ("microsoft.graph.security.auditData",)
"""Types whose instances have properties of their own, by record type."""

BEYOND = frozenset({"/v1.0/users/{user}/events/{event}/decline", "/v1.0/directory/deletedItems/{object}/restore"})
"""What the real service documents ("event: decline", "directory: restore deleted items") and the document leaves out."""


class GraphContract:
    """The contract of Graph v1.0.

    Args:
        document: the parsed OpenAPI document.
        beyond: templates of paths that the real service has and the document lacks; see ``known``.
    """

    def __init__(self, document: Mapping[str, Any], beyond: frozenset[str] = frozenset()) -> None:
        self._document = document
        self._beyond = [_normal(template).split("/") for template in beyond]
        self._paths = [(_normal(path).strip("/").split("/"), item) for path, item in document["paths"].items()]
        self._schemas = {"$defs": {name: _convert(one) for name, one in document["components"]["schemas"].items()}}
        for name in _OPEN:
            self._schemas["$defs"][name].pop("unevaluatedProperties", None)

    @classmethod
    def from_environment(cls, beyond: frozenset[str] = BEYOND) -> GraphContract | None:
        """The contract that the environment names; None when it names none."""
        place = os.environ.get(VARIABLE)
        return cls(json.loads(Path(place).read_text(encoding="utf-8")), beyond) if place else None

    def known(self, method: str, template: str) -> bool:
        """Whether the service has this method on this path template, e.g. ``/v1.0/users/{user}``."""
        if self._is_beyond(template) or _linked(method, template):
            return True
        item = self._item(template)
        return item is not None and method.lower() in item

    def complaints(
        self, method: str, url: str, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> list[str]:
        """What is wrong with a request; empty when nothing is.

        Args:
            method: HTTP method.
            url: path from the version on, e.g. ``/v1.0/users/1``; it may bring its query with it.
            query: query parameters, decoded; added to those of the url.
            body: the parsed JSON body; None when there is none.
        """
        parts = urlsplit(url)
        parameters = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **(query or {})}
        if self._is_beyond(parts.path) or _linked(method, parts.path):
            return []
        item = self._item(parts.path)
        if item is None:
            return [f"no such path: {parts.path}"]
        operation = item.get(method.lower())
        if operation is None:
            return [f"{method} is not allowed on {parts.path}"]
        return [*self._query(item, operation, parameters), *self._body(operation, body)]

    def answer_complaints(self, method: str, url: str, status: int, payload: Any) -> list[str]:
        """What is wrong with a service's answer: properties that the type does not have, or of the wrong type."""
        path = urlsplit(url).path
        if _linked(method, path):
            return []
        item = self._item(path)
        operation = (item or {}).get(method.lower())
        if operation is None:
            return [f"no such path: {method} {url}"]
        declared = operation["responses"].get(str(status))
        if declared is None:
            return [f"status {status} is not declared for {method} {url}"]
        content = declared.get("content", {}).get("application/json")
        if content is None:
            return ["no body is expected"] if payload is not None else []
        schema = _convert(content["schema"])
        found = []
        if isinstance(payload, dict) and isinstance(payload.get("value"), list):
            # Rows of a derived type say so; they are checked as what they are.
            for row in payload["value"]:
                if isinstance(row, dict) and "@odata.type" in row:
                    kind = row["@odata.type"].removeprefix("#")
                    if kind not in self._schemas["$defs"]:
                        continue  # a derived type that the document leaves out
                    own = {"$ref": f"#/$defs/{kind}"}
                    found += [f"answer: {error.message}" for error in self._validator(own).iter_errors(row)]
            rows = [row for row in payload["value"] if not (isinstance(row, dict) and "@odata.type" in row)]
            payload = {**payload, "value": rows}
        return found + [
            f"answer{error.json_path[1:]}: {error.message}" for error in self._validator(schema).iter_errors(payload)
        ]

    def _is_beyond(self, path: str) -> bool:
        """A path, or a template, that the document leaves out."""
        segments = _normal(path).split("/")
        return any(
            len(known) == len(segments)
            and all(one in ("{}", other) for one, other in zip(known, segments, strict=True))
            for known in self._beyond
        )

    def _item(self, path: str) -> Mapping[str, Any] | None:
        segments = _normal(path).strip("/").split("/")
        best: tuple[int, Mapping[str, Any]] | None = None
        for template, item in self._paths:
            if len(template) != len(segments):
                continue
            pairs = list(zip(template, segments, strict=True))
            if all(want == have or want == "{}" for want, have in pairs):
                exact = sum(want == have for want, have in pairs)
                if best is None or exact > best[0]:
                    best = exact, item
        return best[1] if best else None

    def _query(self, item: Mapping[str, Any], operation: Mapping[str, Any], query: Mapping[str, str]) -> list[str]:
        found = []
        declared = {
            parameter["name"]: parameter.get("schema", {})
            for parameter in map(self._resolve, [*item.get("parameters", []), *operation.get("parameters", [])])
            if parameter["in"] == "query"
        }
        for name, text in query.items():
            if not name.startswith("$") or name in _ALWAYS:
                continue
            if name not in declared:
                found.append(f"query option {name} is not known here")
                continue
            # The document names what may be expanded, not the options in brackets that OData lets each have (Protocol 11.2.4.2.1).
            value = _typed(declared[name], re.sub(r"\(.*\)", "", text) if name == "$expand" else text)
            found.extend(
                f"query option {name}: {error.message}"
                for error in self._validator(_convert(declared[name])).iter_errors(value)
            )
        return found

    def _body(self, operation: Mapping[str, Any], body: Any) -> list[str]:
        if body is None:
            return []
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return ["no JSON body is taken here"] if body != {} else []
        schema = _convert(content["application/json"].get("schema", {}))
        if "properties" in schema and "requests" not in schema["properties"]:
            # The parameters of an action: Graph takes their names in either case.
            folded = {name.lower(): name for name in schema["properties"]}
            body = {folded.get(name.lower(), name): value for name, value in body.items()}
        return [f"body{error.json_path[1:]}: {error.message}" for error in self._validator(schema).iter_errors(body)]

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        return Draft202012Validator({**schema, **self._schemas}, format_checker=FormatChecker())

    def _resolve(self, parameter: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = parameter.get("$ref")
        if reference is None:
            return parameter
        found: Mapping[str, Any] = self._document["components"]["parameters"][reference.rpartition("/")[2]]
        return found


_DOCUMENTED = re.compile(
    r"GET /v1\.0/solutions/backupRestore/protectionUnits/microsoft\.graph\.(mailbox|drive|site)ProtectionUnit"
    r"|(GET|POST) /v1\.0/solutions/backupRestore/(exchange|oneDriveForBusiness|sharePoint)RestoreSessions/[^/]+/(mailbox|drive|site)RestoreArtifactsBulkAdditionRequests"
    r"|GET /v1\.0/solutions/backupRestore/(exchange|oneDriveForBusiness|sharePoint)RestoreSessions/[^/]+/(mailbox|drive|site)RestoreArtifacts"
    r"|GET /v1\.0/policies/defaultAppManagementPolicy"
    r"|GET /v1\.0/admin/teams/telephoneNumberManagement/numberAssignments"
    r"|POST /v1\.0/admin/teams/telephoneNumberManagement/numberAssignments/(un)?assignNumber"
)
"""What the contract leaves out with the navigation properties; these stand in the reference of "List mailboxProtectionUnits", "Create
mailboxRestoreArtifactsBulkAdditionRequest", "List mailboxRestoreArtifacts", of the same for drives and sites,
"Get tenantAppManagementPolicy", "List numberAssignments", "numberAssignment: assignNumber" and "…: unassignNumber"."""
_LINKS = re.compile(r"POST /v1\.0/groups/[^/]+/members/\$ref|DELETE /v1\.0/groups/[^/]+/members/[^/]+/\$ref")
"""The contract leaves out links (``$ref``); these stand in the reference of "Add members" and "Remove member"."""


def _linked(method: str, path: str) -> bool:
    asked = f"{method.upper()} {path}"
    return _LINKS.fullmatch(asked) is not None or _DOCUMENTED.fullmatch(asked) is not None


def _normal(path: str) -> str:
    """Path with every variable written ``{}``."""
    segments = unquote(path).strip("/").split("/")
    return "/" + "/".join("{}" if segment.startswith("{") else segment for segment in segments)


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return [part.strip() for part in text.split(",")]
    if kind == "integer":
        return int(text) if text.lstrip("-").isdecimal() else text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def _convert(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema 2020-12: null where nullable, and no unknown properties."""
    if isinstance(schema, list):
        return [_convert(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        name: _convert(value) for name, value in schema.items() if name not in ("nullable", "example", "externalDocs")
    }
    if isinstance(schema.get("properties"), dict):
        found["properties"] = {name: _convert(value) for name, value in schema["properties"].items()}
    if isinstance(schema.get("$ref"), str):
        found["$ref"] = "#/$defs/" + schema["$ref"].rpartition("/")[2]
    if isinstance(found.get("required"), list):
        # The metadata demands the id when an object is created, but it is the service that gives it.
        found["required"] = [name for name in found["required"] if name != "id"]
    if "properties" in found:
        found["patternProperties"] = {r"@odata\.": True}
        found["unevaluatedProperties"] = False
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") else found
