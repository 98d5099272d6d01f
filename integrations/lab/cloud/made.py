"""``cloud_machines`` of the stand-in account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.lab.cloud.account import HOME, REGIONS, CloudAccount
from tenantry.capabilities.cloud_machines import MadeAgain
from tenantry.errors import Rejected


class LabMade:
    """Implements :class:`tenantry.capabilities.CloudMachines` in memory."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    async def made(self, token: str) -> MadeAgain | None:
        found = self._a.tables["made"].get(self._a.made_up("made-", token))
        return None if found is None else _made(found.props)

    async def create_volume(self, snapshot: str, zone: str, *, token: str) -> MadeAgain:
        region = next((one for one in REGIONS if zone.startswith(one)), None)
        if region is None:
            raise Rejected(f"{zone} is not the account's")
        self._a.truth("snapshots", snapshot)
        return self._create(token, "volume", region, snapshot, "create_volume")

    async def create_instance(
        self, image: str, kind: str, subnet: str, groups: Sequence[str], role: str, *, token: str
    ) -> MadeAgain:
        del kind, subnet, role
        for group in groups:
            self._a.truth("groups", group)
        return self._create(token, "instance", HOME, image, "create_instance")

    async def remove_made(self, token: str) -> None:
        found = self._a.tables["made"].get(self._a.made_up("made-", token))
        if found is not None and found.props["kind"] != "volume":
            raise Rejected("an instance is terminated by hand, as at the vendor")
        self._a.remove("made", self._a.made_up("made-", token), "remove_made", f"made/{token}")

    def _create(self, token: str, kind: str, region: str, source: str, method: str) -> MadeAgain:
        id = self._a.made_up("made-", token)
        found = self._a.tables["made"].get(id)
        if found is None:
            own = self._a.made_up("vol-" if kind == "volume" else "i-", token)
            row = {"id": own, "kind": kind, "region": region, "source": source}
            found = self._a.create("made", id, row, method, f"made/{token}")
        return _made(found.props)


def _made(row: Mapping[str, Any]) -> MadeAgain:
    return MadeAgain(state="ready", raw={"Id": row["id"]}, **row)
