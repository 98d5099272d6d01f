"""A mapping: which field of somebody's JSON means what, as YAML that an operator writes and tries offline.

::

    id: siem
    items: alerts              # where the list is; left out when a message is one alert
    uid: event.id
    title: rule.name
    severity: {from: level, values: {"10": critical, "7": high}, otherwise: medium}
    entities:
      - {type: account, id: user.email}
    customer: organisation.id  # what the client is called there
    at: timestamp
    same: [rule.id]            # what makes two alerts the same one; never a time
    only: {from: status, is: [open]}

A path is names with dots between; a number is a place in a list. It reads ``TENANTRY_HOME/runbooks/alerts/mappings/ID.yaml``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tenantry.alerts.model import ENTITY_TYPES, MAX_ENTITIES, Alert, Entity
from tenantry.alerts.reading import Reading, techniques
from tenantry.errors import InvalidInput, NotFound
from tenantry.home import Home
from tenantry.names import Slug
from tenantry.places import folders
from tenantry.tenants import Model
from tenantry.yamlpos import build, load

__all__ = ["FieldMap", "load_mapping", "mapping_of"]

Path_ = Annotated[str, Field(pattern=r"^[^.\s]{1,100}(?:\.[^.\s]{1,100}){0,9}$")]
_Severity = Literal["info", "low", "medium", "high", "critical"]


class SeverityFrom(Model):
    """A severity by the value of a field."""

    from_: Path_ = Field(alias="from", description="Where it stands.")
    values: dict[str, _Severity] = Field(description="What each value means; compared without regard to capitals.")
    otherwise: _Severity = Field(default="medium", description="What any other value means.")


class EntityFrom(Model):
    """Whom an alert is about."""

    type: Annotated[str, Field(pattern="^(" + "|".join(ENTITY_TYPES) + ")$")] = Field(description="What it is.")
    id: Path_ = Field(description="Where its name stands.")


class Only(Model):
    """Which messages are alerts."""

    from_: Path_ = Field(alias="from", description="Where to look.")
    is_: list[str] = Field(alias="is", min_length=1, description="The values that make it one.")


class FieldMap(Model):
    """Which field means what."""

    id: Slug = Field(description="What estate.yaml calls the mapping; the file is called so.")
    items: Path_ | None = Field(default=None, description="Where the list of alerts is; none: a message is one alert.")
    uid: Path_ = Field(description="The source's own id of a message.")
    finding: Path_ | None = Field(default=None, description="The source's id of what was found, where that is another.")
    title: Path_ = Field(description="What it says.")
    desc: Path_ | None = Field(default=None, description="In more words.")
    severity: _Severity | SeverityFrom = Field(description="How bad, always or by a field.")
    types: list[Path_] = Field(default_factory=list, max_length=10, description="What kind of finding it is.")
    attacks: Path_ | None = Field(default=None, description="A list of ATT&CK techniques.")
    entities: list[EntityFrom] = Field(default_factory=list, max_length=MAX_ENTITIES, description="Whom it is about.")
    customer: Path_ | None = Field(default=None, description="What the client is called there.")
    at: Path_ | None = Field(default=None, description="When it happened.")
    same: list[Path_] = Field(min_length=1, max_length=10, description="What makes two alerts the same one.")
    only: Only | None = Field(default=None, description="Which messages are alerts; none: all.")
    product: Annotated[str, Field(min_length=1, max_length=100)] = Field(default="generic", description="Who sends it.")

    def split(self, body: Any) -> list[Any]:
        """The alerts of a message. Raises InvalidInput."""
        return [body] if self.items is None else Reading(body).values(self.items)

    def read(self, item: Reading) -> Alert | None:
        """One of them; None when it is no alert.

        Raises:
            InvalidInput: naming the field.
        """
        if self.only is not None and item.maybe(self.only.from_) not in self.only.is_:
            return None
        uid = item.text(self.uid, 200)
        named = [Entity(type=one.type, id=name) for one in self.entities if (name := item.maybe(one.id))]
        return Alert(
            uid=uid,
            finding=(item.maybe(self.finding) if self.finding else "") or uid,
            title=item.text(self.title),
            desc=item.maybe(self.desc, 4_000) if self.desc else "",
            severity=self._severity(item),
            types=tuple(dict.fromkeys(name for path in self.types if (name := item.maybe(path)))),
            attacks=techniques(item.values(self.attacks)) if self.attacks else (),
            entities=tuple({one.key(): one for one in named}.values()),
            customer=(item.maybe(self.customer) or None) if self.customer else None,
            at=item.time(self.at) if self.at else None,
            product=self.product,
            same=tuple(item.maybe(path) for path in self.same),
        )

    def _severity(self, item: Reading) -> str:
        if isinstance(self.severity, str):
            return self.severity
        said = item.maybe(self.severity.from_).casefold()
        meant = {value.casefold(): severity for value, severity in self.severity.values.items()}
        return meant.get(said, self.severity.otherwise)


def load_mapping(path: Path) -> FieldMap:
    """Raises InvalidInput, naming ``file:line``."""
    return build(FieldMap, load(path))


def mapping_of(home: Home, name: str) -> FieldMap:
    """An operator's mapping.

    Raises:
        NotFound: there is none of this name. InvalidInput: naming ``file:line``.
    """
    for folder in folders("alerts", home):
        path = folder / "mappings" / f"{name}.yaml"
        if path.is_file():
            found = load_mapping(path)
            if found.id != name:
                raise InvalidInput(f"the mapping of this file is called {name}, not {found.id}", place=str(path))
            return found
    raise NotFound(
        f"there is no mapping {name}", place="mapping", remedy="It is a file of TENANTRY_HOME/runbooks/alerts/mappings."
    )
