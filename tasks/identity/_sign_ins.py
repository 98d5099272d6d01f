"""Sign-ins in a form small enough to keep: one row for each account, address and client, and the impossible journeys.

A look-back has tens of thousands of sign-ins; the full rows are evidence. What a judgement needs is where from, with
what, since when and how often, and which of them cannot both be the same person.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from tasks._addresses import canonical
from tenantry.capabilities import SignIn
from tenantry.task import utc

MAX_IDS = 10
"""Ids of sign-ins kept for each group; all of them are in the evidence."""
MAX_GROUPS = 500
MAX_JOURNEYS = 200
SPEED = 900.0
"""Kilometres an hour: an airliner. The same person is not faster."""
NEAR = 500.0
"""Kilometres within which two addresses count as one place: mobile networks and providers locate no better."""
BORDER = timedelta(hours=3)
"""Where the vendor gives no coordinates: another country within this time counts as impossible."""


class SignInGroup(BaseModel):
    """All sign-ins of one account from one address with one client."""

    model_config = ConfigDict(extra="forbid")

    account_id: str
    upn: str
    ip: str
    country: str
    city: str
    client: str
    agent: str
    """The client without its version numbers, so that an update is not a new client."""
    first_at: datetime
    last_at: datetime
    first_success_at: datetime | None = None
    last_success_at: datetime | None = None
    successes: int = 0
    failures: int = 0
    sign_in_ids: list[str] = []
    """The first and the latest successful ones (failed ones where none succeeded), oldest first."""


class Journey(BaseModel):
    """Two successful sign-ins of one account, one after the other, that one person cannot have made."""

    model_config = ConfigDict(extra="forbid")

    account_id: str
    from_ip: str
    to_ip: str
    from_at: datetime
    to_at: datetime
    kilometres: int | None
    """None: judged by country, since the vendor gave no coordinates."""
    sign_in_ids: tuple[str, str]


def agent(sign_in: SignIn) -> str:
    """What signed in, without version numbers."""
    text = f"{sign_in.client} {sign_in.user_agent}".lower()
    return re.sub(r"\s+", " ", re.sub(r"[\d._]+", "", text)).strip()[:200]


class Grouper:
    """Takes sign-ins in any order, and gives groups and journeys. Memory grows with groups, and by one small row for each
    sign-in."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str, str], SignInGroup] = {}
        self._latest: dict[tuple[str, str, str, str], list[tuple[datetime, str]]] = {}
        self._path: dict[str, list[tuple[datetime, str, str, str, float | None, float | None]]] = {}
        self._seen: set[str] = set()
        self.total = 0
        self.oldest: datetime | None = None

    def add(self, sign_in: SignIn) -> None:
        if sign_in.id in self._seen:  # pages may overlap
            return
        self._seen.add(sign_in.id)
        at, ip = utc(sign_in.at), canonical(sign_in.ip)
        self.total += 1
        self.oldest = at if self.oldest is None else min(self.oldest, at)
        key = (sign_in.user_id, ip, sign_in.country, agent(sign_in))
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = SignInGroup(
                account_id=sign_in.user_id,
                upn=sign_in.upn,
                ip=ip,
                country=sign_in.country,
                city=sign_in.city,
                client=f"{sign_in.client}: {sign_in.user_agent}"[:200] if sign_in.user_agent else sign_in.client,
                agent=key[3],
                first_at=at,
                last_at=at,
            )
        group.first_at, group.last_at = min(group.first_at, at), max(group.last_at, at)
        if not sign_in.success:
            group.failures += 1
            if not group.successes and len(group.sign_in_ids) < MAX_IDS:
                group.sign_in_ids.append(sign_in.id)
            return
        group.successes += 1
        group.first_success_at = min(group.first_success_at or at, at)
        group.last_success_at = max(group.last_success_at or at, at)
        self._latest.setdefault(key, []).append((at, sign_in.id))
        self._path.setdefault(sign_in.user_id, []).append(
            (at, sign_in.id, ip, sign_in.country, sign_in.latitude, sign_in.longitude)
        )

    def groups(self) -> list[SignInGroup]:
        """Oldest first."""
        for key, seen in self._latest.items():
            seen.sort()
            ids = [id for _, id in seen]
            self._groups[key].sign_in_ids = (
                ids if len(ids) <= MAX_IDS else [*ids[: MAX_IDS // 2], *ids[-MAX_IDS // 2 :]]
            )
        return sorted(self._groups.values(), key=lambda g: (g.first_at, g.account_id, g.ip, g.agent))

    def journeys(self) -> list[Journey]:
        """The first impossible journey between each two addresses of each account, oldest first."""
        found: dict[tuple[str, str, str], Journey] = {}
        for account_id, path in self._path.items():
            path.sort(key=lambda point: point[:2])
            for before, after in itertools.pairwise(path):
                kilometres, impossible = _travel(before, after)
                key = (account_id, before[2], after[2])
                if impossible and key not in found:
                    found[key] = Journey(
                        account_id=account_id,
                        from_ip=before[2],
                        to_ip=after[2],
                        from_at=before[0],
                        to_at=after[0],
                        kilometres=None if kilometres is None else round(kilometres),
                        sign_in_ids=(before[1], after[1]),
                    )
        return sorted(found.values(), key=lambda j: (j.to_at, j.account_id, j.from_ip, j.to_ip))


_Point = tuple[datetime, str, str, str, float | None, float | None]


def _travel(before: _Point, after: _Point) -> tuple[float | None, bool]:
    if before[2] == after[2]:
        return None, False
    hours = (after[0] - before[0]).total_seconds() / 3600
    if before[4] is None or before[5] is None or after[4] is None or after[5] is None:
        other_country = bool(before[3] and after[3] and before[3] != after[3])
        return None, other_country and after[0] - before[0] < BORDER
    kilometres = great_circle(before[4], before[5], after[4], after[5])
    return kilometres, kilometres > NEAR and kilometres > SPEED * hours


def great_circle(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Kilometres between two points given in degrees, on a sphere of the Earth's mean radius (haversine)."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    d_phi, d_lambda = other_phi - phi, math.radians(other_longitude - longitude)
    a = math.sin(d_phi / 2) ** 2 + math.cos(phi) * math.cos(other_phi) * math.sin(d_lambda / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(min(1.0, a)))


def grouped(sign_ins: Iterable[SignIn]) -> Grouper:
    """A grouper that has taken all of them."""
    grouper = Grouper()
    for sign_in in sign_ins:
        grouper.add(sign_in)
    return grouper
