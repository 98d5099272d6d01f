"""The tenant's users: any number of them, made when asked for.

A user that nobody changed is a function of seed and index, so a directory of 100,000 takes no longer to open than one of 20.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.dice import Dice, GuidCodec
from integrations.lab.names import DEPARTMENTS, FAMILY, GIVEN, TITLES
from integrations.lab.records import Record

_LOCAL = re.compile(r"([a-z]+)\.([a-z]+)(\d*)")
_COMBINATIONS = len(GIVEN) * len(FAMILY)
_GIVEN_AT = {name.lower(): at for at, name in enumerate(GIVEN)}
_FAMILY_AT = {name.lower(): at for at, name in enumerate(FAMILY)}

_RECENT = 2000

HOME_COUNTRY = "GB"
HOME_CITY = "Leeds"


class Directory:
    """Users by index, object id or user principal name.

    Args:
        dice: the seed's dice.
        count: how many users there are.
        domain: the verified domain of their names.
        start: the moment at which the tenant's story begins; accounts are older.
    """

    def __init__(self, dice: Dice, count: int, domain: str, start: datetime) -> None:
        self.count = count
        self.domain = domain
        self._dice = dice
        self._start = start
        self._ids = GuidCodec(dice, "user")
        self._kept: dict[int, Record] = {}
        self._recent: dict[int, Record] = {}
        self._renamed: dict[str, int] = {}
        self.deleted: set[int] = set()
        """Users that were deleted and can be restored."""
        step = 1 + dice.below(_COMBINATIONS - 1, "names", "step")
        while math.gcd(step, _COMBINATIONS) != 1:
            step += 1
        self._step = step
        self._back = pow(step, -1, _COMBINATIONS)
        self._offset = dice.below(_COMBINATIONS, "names", "offset")

    def resolve(self, key: str) -> int | None:
        """The index of the user with this object id or user principal name; None: there is none (any more)."""
        index = self._by_name(key.lower()) if "@" in key else self.once(key)
        return None if index in self.deleted else index

    def once(self, object_id: str) -> int | None:
        """The index of a user by object id, deleted or not."""
        index = self._ids.decode(object_id.lower())
        return index if index is not None and index < self.count else None

    def present(self, start: int = 0) -> Iterator[int]:
        """Indexes of the users that there are."""
        return (index for index in range(start, self.count) if index not in self.deleted)

    def id_of(self, index: int) -> str:
        """The object id of the index-th user."""
        return self._ids.encode(index)

    def upn_of(self, index: int) -> str:
        """The user principal name of the index-th user."""
        kept = self._kept.get(index)
        return str(kept.props["userPrincipalName"]) if kept else self._name(index)[2]

    def peek(self, index: int) -> Record:
        """The user, to be read only."""
        return self._kept.get(index) or self._remembered(index)

    def keep(self, index: int) -> Record:
        """The user, to be changed: from now on it is remembered."""
        record = self._kept.get(index)
        if record is None:
            made = self._remembered(index)
            record = self._kept[index] = Record(made.id, dict(made.props))
        return record

    def kept(self) -> list[int]:
        """Indexes of the users that differ, or may differ, from what the seed made."""
        return sorted(self._kept)

    def alter(self, index: int, **props: Any) -> Record:
        """Set up a user differently from the seed's (for scenarios: no audit, no lag)."""
        record = self.keep(index)
        record.props.update(props)
        if upn := props.get("userPrincipalName"):
            self._renamed[str(upn).lower()] = index
        return record

    def _remembered(self, index: int) -> Record:
        """The user as the seed makes it. The latest few thousand are remembered: most tenants fit in whole."""
        record = self._recent.get(index)
        if record is None:
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            record = self._recent[index] = Record(self.id_of(index), self._made(index))
        return record

    def _by_name(self, upn: str) -> int | None:
        if upn in self._renamed:
            return self._renamed[upn]
        local, _, domain = upn.partition("@")
        match = _LOCAL.fullmatch(local)
        if match is None or domain != self.domain.lower():
            return None
        given, family = _GIVEN_AT.get(match[1]), _FAMILY_AT.get(match[2])
        if given is None or family is None:
            return None
        slot = given * len(FAMILY) + family
        index = (slot - self._offset) * self._back % _COMBINATIONS + _COMBINATIONS * (int(match[3] or 1) - 1)
        return index if 0 <= index < self.count and self.upn_of(index).lower() == upn else None

    def _name(self, index: int) -> tuple[str, str, str]:
        around, slot = divmod(index, _COMBINATIONS)
        given, family = divmod((slot * self._step + self._offset) % _COMBINATIONS, len(FAMILY))
        first, last = GIVEN[given], FAMILY[family]
        return first, last, f"{first}.{last}{around + 1 if around else ''}@{self.domain}".lower()

    def _made(self, index: int) -> dict[str, Any]:
        first, last, upn = self._name(index)
        roll = int.from_bytes(self._dice.bytes(8, "user", index), "big")
        department = DEPARTMENTS[roll % len(DEPARTMENTS)]
        created = self._start - timedelta(days=200 + roll % 1500, seconds=roll % 80_000)
        password = max(created, self._start - timedelta(days=20 + roll % 300, seconds=roll % 70_000))
        return {
            "id": self.id_of(index),
            "accountEnabled": True,
            "ageGroup": None,
            "assignedLicenses": [{"disabledPlans": [], "skuId": "f245ecc8-75af-4f8e-b61f-27d8114de5f3"}],
            "businessPhones": [f"+44 113 496 0{roll % 1000:03d}"],
            "city": HOME_CITY,
            "companyName": "Contoso Lab",
            "country": HOME_COUNTRY,
            "createdDateTime": iso(created),
            "department": department,
            "displayName": f"{first} {last}",
            "employeeId": f"{100_000 + index}",
            "givenName": first,
            "jobTitle": TITLES[department],
            "lastPasswordChangeDateTime": iso(password),
            "mail": upn,
            "mailNickname": upn.partition("@")[0],
            "mobilePhone": None,
            "officeLocation": "Wellington Place",
            "onPremisesSyncEnabled": None,
            "otherMails": [],
            "passwordPolicies": None,
            "preferredLanguage": "en-GB",
            "proxyAddresses": [f"SMTP:{upn}"],
            "signInSessionsValidFromDateTime": iso(password),
            "surname": last,
            "usageLocation": HOME_COUNTRY,
            "userPrincipalName": upn,
            "userType": "Member",
        }
