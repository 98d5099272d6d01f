"""``cloud_logs`` of the stand-in account. Its trail's files hold what its short memory holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.cloud.account import REGIONS, CloudAccount
from tenantry.capabilities.cloud_logs import CloudEvent, Trail
from tenantry.errors import Rejected, TargetNotFound


class LabLogs:
    """Implements :class:`tenantry.capabilities.CloudLogs` in memory."""

    def __init__(self, account: CloudAccount) -> None:
        self._a = account

    async def events(
        self,
        since: datetime,
        until: datetime,
        *,
        access_key: str = "",
        principal_name: str = "",
        operation: str = "",
    ) -> AsyncIterator[CloudEvent]:
        if sum(map(bool, (access_key, principal_name, operation))) > 1:
            raise Rejected("a search is narrowed by one attribute, not by two")
        for region in REGIONS:
            found = [row for row in self._a.events if row["region"] == region and since <= row["at"] <= until]
            for row in sorted(found, key=lambda row: (row["at"], row["id"]), reverse=True):
                if (
                    access_key in ("", row["access_key"])
                    and operation in ("", row["operation"])
                    and (not principal_name or row["actor"].endswith(f"/{principal_name}"))
                ):
                    yield CloudEvent(**row)

    async def trails(self) -> tuple[Trail, ...]:
        return tuple(
            Trail(
                id=id,
                name=row["name"],
                region=row["region"],
                recording=row["recording"],
                every_region=row["every"],
                bucket=row["bucket"],
                prefix="",
                validated=True,
                raw={"TrailARN": id},
            )
            for id, row in self._a.all("trails")
        )

    async def set_recording(self, trail: str, recording: bool) -> None:
        id = self._id(trail)
        if self._a.truth("trails", id).props["recording"] != recording:
            name = self._a.truth("trails", id).props["name"]
            self._a.change("trails", id, {"recording": recording}, "set_recording", f"trails/{name}")

    async def archived(self, trail: str, since: datetime, until: datetime) -> AsyncIterator[CloudEvent]:
        self._id(trail)
        for row in sorted(self._a.events, key=lambda row: (row["at"], row["id"])):
            if since <= row["at"] <= until:
                yield CloudEvent(**row)

    def _id(self, trail: str) -> str:
        for record in self._a.table("trails"):
            if trail in (record.id, record.props["name"]):
                return record.id
        raise TargetNotFound(f"there is no trail {trail}")


def event(account: CloudAccount, number: int, at: datetime, operation: str, **facts: Any) -> dict[str, Any]:
    """One event for the account's log; what is left out is ordinary."""
    made: dict[str, Any] = {
        "id": account.made_up("", "event", number, size=32),
        "at": at,
        "region": facts.pop("region", "us-east-1"),
        "service": facts.pop("service", "iam"),
        "operation": operation,
        "actor": facts.pop("actor", ""),
        "access_key": facts.pop("access_key", ""),
        "issuer": facts.pop("issuer", ""),
        "ip": facts.pop("ip", "198.51.100.20"),
        "user_agent": facts.pop("user_agent", "aws-cli/2.15.30"),
        "read_only": operation.startswith(("Get", "List", "Describe")),
        "error": facts.pop("error", ""),
        "request": facts.pop("request", {}),
        "response": facts.pop("response", {}),
    }
    made["raw"] = _record(account, made)
    account.events.append(made | facts)
    return made


def _record(account: CloudAccount, made: dict[str, Any]) -> dict[str, Any]:
    """As CloudTrail writes it down, so that whoever reads the vendor's own form can
    (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html)."""
    actor, issuer = made["actor"], made["issuer"]
    name = actor.rpartition("/")[2]
    who: dict[str, Any] = {"type": "IAMUser", "arn": actor, "accountId": account.id, "userName": name}
    if not actor.startswith("arn:"):
        who = {"type": "AWSService", "invokedBy": actor}
    elif issuer:
        who = {"type": "AssumedRole", "arn": actor, "accountId": account.id}
        who["sessionContext"] = {
            "sessionIssuer": {
                "type": "Role",
                "arn": issuer,
                "accountId": account.id,
                "userName": issuer.rpartition("/")[2],
            }
        }
    if made["access_key"]:
        who["accessKeyId"] = made["access_key"]
    record: dict[str, Any] = {
        "eventVersion": "1.09",
        "eventID": made["id"],
        "eventTime": iso(made["at"]),
        "eventSource": f"{made['service']}.amazonaws.com",
        "eventName": made["operation"],
        "awsRegion": made["region"],
        "sourceIPAddress": made["ip"],
        "userAgent": made["user_agent"],
        "userIdentity": who,
        "readOnly": made["read_only"],
        "requestParameters": made["request"] or None,
        "responseElements": made["response"] or None,
        "recipientAccountId": account.id,
    }
    return record | ({"errorCode": made["error"]} if made["error"] else {})
