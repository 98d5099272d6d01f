"""The state of the stand-in account: tables of records whose readers may lag behind their writers, as in the directory beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from integrations.lab.records import Record, Table
from tenantry.errors import TargetNotFound

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

__all__ = ["ADMINISTRATOR", "HOME", "REGIONS", "CloudAccount"]

REGIONS: Final = ("eu-central-1", "us-east-1")
HOME: Final = REGIONS[0]
ADMINISTRATOR: Final = "arn:aws:iam::aws:policy/AdministratorAccess"
ALLOW_ALL: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


class CloudAccount:
    """One account.

    Args:
        lab: whose clock, faults, dice and audit it has.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.id = f"{int.from_bytes(lab.dice.bytes(6, 'cloud account')) % 10**12:012d}"
        self.start: datetime = lab.now().replace(microsecond=0)
        self.tables: dict[str, Table] = {
            name: Table()
            for name in (
                *("principals", "keys", "mfa", "instances", "interfaces", "groups", "volumes", "made", "snapshots"),
                *("buckets", "account", "kms", "zones", "records", "trails", "findings", "points", "jobs"),
                "vaults",
            )
        }
        self.managed: dict[str, dict[str, Any]] = {ADMINISTRATOR: ALLOW_ALL}
        self.events: list[dict[str, Any]] = []
        self.objects: dict[str, list[dict[str, Any]]] = {}
        """Bucket → versions, oldest first: key, version, data, at, marker, retention; ``sealed``: encrypted by its writer (SSE-C)."""
        self.detectors: dict[tuple[str, str], bool] = {("guardduty", HOME): True, ("securityhub", HOME): True}
        self._made = 0
        self._base()

    # --- reading and writing ------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.lab.now().timestamp()

    def table(self, name: str) -> Table:
        return self.tables[name]

    def seen(self, table: str, id: str) -> dict[str, Any]:
        """One record as readers see it now. Raises TargetNotFound."""
        found = self.tables[table].find(id, self.now)
        if found is None:
            raise TargetNotFound(f"there is no {table[:-1]} {id}")
        return found.view(self.now)

    def all(self, table: str) -> list[tuple[str, dict[str, Any]]]:
        """Every record as readers see it now."""
        return [(record.id, record.view(self.now)) for record in self.tables[table].listed(self.now)]

    def truth(self, table: str, id: str) -> Record:
        """One record as a writer finds it. Raises TargetNotFound."""
        found = self.tables[table].get(id)
        if found is None:
            raise TargetNotFound(f"there is no {table[:-1]} {id}")
        return found

    def add(self, table: str, id: str, props: dict[str, Any]) -> Record:
        """Put a record there from the beginning."""
        return self.tables[table].add(Record(id, props))

    def create(self, table: str, id: str, props: dict[str, Any], method: str, target: str) -> Record:
        """A write that makes something."""
        made = self.tables[table].add(Record(id, props), self.now, self.lab.faults.lag)
        self.wrote(method, target, None, {"id": id})
        return made

    def change(self, table: str, id: str, changes: Mapping[str, Any], method: str, target: str) -> None:
        """A write that changes something."""
        before = self.truth(table, id).write(changes, self.now, self.lab.faults.lag)
        self.wrote(method, target, before, dict(changes))

    def remove(self, table: str, id: str, method: str, target: str) -> bool:
        """A write that deletes something; whether it was there. What was not is no write."""
        gone = self.tables[table].remove(id, self.now, self.lab.faults.lag)
        if gone is not None:
            self.wrote(method, target, {"id": id}, None)
        return gone is not None

    def wrote(self, method: str, target: str, before: Any, after: Any) -> None:
        self.lab.wrote("cloud", method, target, before, after, "cloud-token")

    def fresh(self, prefix: str, size: int = 17) -> str:
        """An id that was not there before; the same one after the same writes."""
        self._made += 1
        return f"{prefix}{self.lab.dice.bytes(16, 'made', prefix, self._made).hex()[:size]}"

    def made_up(self, prefix: str, *parts: object, size: int = 17) -> str:
        return f"{prefix}{self.lab.dice.bytes(16, prefix, *parts).hex()[:size]}"

    # --- what every account has ---------------------------------------------------------------------------------------

    def principal(
        self,
        kind: str,
        name: str,
        *,
        days: float = 400,
        attached: tuple[str, ...] = (),
        groups: tuple[str, ...] = (),
        login: bool = False,
        path: str = "/",
        at: datetime | None = None,
        trust: dict[str, Any] | None = None,
    ) -> str:
        """A user, role or group from the beginning; gives its ``kind/name``."""
        ref = f"{kind}/{name}"
        created = at or self.start - timedelta(days=days)
        letters = {"user": "AIDA", "role": "AROA", "group": "AGPA"}[kind]
        self.add(
            "principals",
            ref,
            {
                "kind": kind,
                "name": name,
                "unique": self.made_up(letters, ref, size=17).upper(),
                "arn": f"arn:aws:iam::{self.id}:{kind}{path}{name}",
                "created": created,
                "path": path,
                "groups": list(groups),
                "inline": {},
                "attached": list(attached),
                "login": {"at": created, "change": False} if login else None,
                "trust": trust or self.trust_of_services(),
            },
        )
        return ref

    def trust_of_services(self, service: str = "ec2.amazonaws.com") -> dict[str, Any]:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def key(
        self, owner: str, name: str, *, days: float = 300, at: datetime | None = None, id: str | None = None
    ) -> str:
        """An access key from the beginning, active."""
        id = id or self.made_up("AKIA", owner, name, size=16).upper()
        self.add(
            "keys",
            id,
            {
                "owner": owner,
                "active": True,
                "created": at or self.start - timedelta(days=days),
                "used": self.start - timedelta(hours=2),
                "service": "s3",
                "region": HOME,
            },
        )
        return id

    def device(self, owner: str, name: str, at: datetime) -> str:
        """A second factor from the beginning."""
        id = f"arn:aws:iam::{self.id}:mfa/{name}"
        self.add("mfa", id, {"owner": owner, "at": at})
        return id

    def machine(
        self, name: str, *, region: str = HOME, kind: str = "t3.large", at: datetime | None = None, role: str = ""
    ) -> str:
        """A running instance with one interface and one volume from the beginning."""
        id = self.made_up("i-", name)
        network, group = self.made_up("vpc-", region), self.made_up("sg-", region, "app")
        if self.tables["groups"].get(group) is None:
            self.add("groups", group, {"region": region, "network": network, "name": "app", "ingress": 2, "egress": 1})
        interface, volume = self.made_up("eni-", name), self.made_up("vol-", name)
        number = int.from_bytes(self.lab.dice.bytes(1, "address", name)) % 200 + 10
        self.add("interfaces", interface, {"network": network, "groups": [group], "ip": f"10.0.1.{number}"})
        self.add("volumes", volume, {"region": region, "instance": id})
        self.add(
            "instances",
            id,
            {
                "region": region,
                "name": name,
                "kind": kind,
                "image": "ami-0a1b2c3d4e5f60718",
                "launched": at or self.start - timedelta(days=200),
                "role": role,
                "interfaces": [interface],
                "volumes": [volume],
                "state": "running",
            },
        )
        return id

    def _base(self) -> None:
        self.responder = self.principal("role", "TenantryResponse", attached=(ADMINISTRATOR,), days=500)
        self.principal("role", "AWSServiceRoleForBackup", path="/aws-service-role/backup.amazonaws.com/")
        access = dict.fromkeys(("block_acls", "ignore_acls", "block_policy", "restrict_buckets"), False)
        self.add("account", "access", access)
        self.add(
            "trails",
            f"arn:aws:cloudtrail:{HOME}:{self.id}:trail/all",
            {"name": "all", "region": HOME, "recording": True, "bucket": f"trail-{self.id}", "every": True},
        )
