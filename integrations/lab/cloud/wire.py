"""How a capability's methods travel: arguments and results as JSON, told from the Protocol's own annotations."""

from __future__ import annotations

import base64
import functools
import inspect
import json
import typing
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter

from tenantry.capabilities import CAPABILITIES

__all__ = ["SERVED", "Method", "decode", "encode", "methods"]

SERVED: Final = ("cloud_identity", "cloud", "cloud_machines", "storage", "dns", "backup", "cloud_logs", "findings")
_WRITES: Final = (
    *("set_", "create_", "remove_", "put_", "attach_", "detach_", "deactivate_", "cut_", "allow_", "delete_"),
    *("lock_", "keep_", "write", "restore", "back_up", "promote"),
)


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a capability.

    Attributes:
        streams: it is an async iterator.
        writes: it changes something.
        parameters: name → its annotation.
        result: annotation of what it gives, or of one of the things that it streams.
    """

    name: str
    streams: bool
    writes: bool
    parameters: Mapping[str, Any]
    result: Any


@functools.cache
def methods(capability: str) -> Mapping[str, Method]:
    """The methods of a capability's Protocol."""
    found = {}
    for name, function in inspect.getmembers(CAPABILITIES[capability], inspect.isfunction):
        if name.startswith("_"):
            continue
        hints = typing.get_type_hints(function)
        result = hints.pop("return")
        streams = typing.get_origin(result) is AsyncIterator
        found[name] = Method(
            name, streams, name.startswith(_WRITES), hints, typing.get_args(result)[0] if streams else result
        )
    return found


def encode(value: Any) -> Any:
    """As JSON. Secrets are written out: this is the wire of a stand-in, whose secrets open nothing."""
    if isinstance(value, BaseModel):
        return {name: encode(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, SecretBytes | bytes):
        data = value if isinstance(value, bytes) else value.get_secret_value()
        return base64.b64encode(data).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): encode(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(inner) for inner in value]
    return value


def decode(annotation: Any, value: Any) -> Any:
    """Back into what the annotation says. Raises ValueError (pydantic's is one) for what does not fit."""
    if annotation is bytes:
        return base64.b64decode(value, validate=True)
    return _adapter(annotation).validate_json(json.dumps(value))


@functools.cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)
