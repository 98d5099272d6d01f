"""One field of one section of a tenant's file, read and set: what runs write there (who looks after the client, how often what is done).

Set in the file's text, so that everything else stays as somebody wrote it, and only where the result parses to what was meant.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import yaml
from pydantic import ValidationError

from tenantry.errors import InvalidInput
from tenantry.tenantedit import changes, with_entry
from tenantry.tenants import TenantStore

__all__ = ["SETTABLE", "Section", "field_of", "set_field"]

Section = Literal["service_team", "sweep", "rotation"]
SETTABLE: Final[dict[Section, frozenset[str]]] = {
    "service_team": frozenset({"lead", "engineers", "on_call"}),
    "sweep": frozenset({"every_hours"}),
    "rotation": frozenset({"every_days"}),
}
"""What may be set so. What a sweep starts by itself, and everything about access, a person writes."""


def field_of(store: TenantStore, name: str, section: Section, key: str) -> Any:
    """The field's value as JSON, by the file as it is now.

    Raises:
        NotFound, InvalidTenant: as `TenantStore.get`. InvalidInput: no such field may be set.
    """
    _known(section, key)
    return store.get(name).model_dump(mode="json")[section][key]


def set_field(store: TenantStore, name: str, section: Section, key: str, value: Any) -> str:
    """Set the field; everything else in the file stays as it is, comments too.

    Returns:
        what was changed, as `diff -u` shows it; empty when the file said so already.

    Raises:
        NotFound: no such tenant. InvalidInput: no such field may be set, or not to this.
        InvalidTenant: the file is wrong, or written so that it cannot be set; it says what to write.
        Conflict: somebody changed the file at the same moment.
    """
    _known(section, key)
    with store.alone(name):
        return _set(store, name, section, key, value)


def _set(store: TenantStore, name: str, section: Section, key: str, value: Any) -> str:
    text = store.path(name).read_text("utf-8-sig") if store.path(name).is_file() else ""
    before = store.get(name)
    part = getattr(before, section)
    try:
        # By name, as the file has it, so that the value is checked as one in the file is.
        wanted = type(part).model_validate({**part.model_dump(mode="json"), key: value})
    except ValidationError as error:
        why = error.errors(include_input=False, include_url=False)[0]["msg"]
        raise InvalidInput(why, place=f"{section}.{key}") from error
    meant = before.model_copy(update={section: wanted})
    if meant == before:
        return ""
    changed = with_entry(text, section, key, value)
    shown = yaml.safe_dump({section: {key: value}}, sort_keys=False).strip()
    store.replace_text(name, text, changed or "", meant, by_hand=shown)
    return changes(text, changed or "", store.path(name).name)


def _known(section: str, key: str) -> None:
    if key not in next((keys for known, keys in SETTABLE.items() if known == section), frozenset()):
        raise InvalidInput("a run does not set this", place=f"{section}.{key}")
