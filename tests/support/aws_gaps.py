"""What moto has not, played strictly: wrong parameters are refused, unknown things are not found, state is kept for each account and region."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from moto.backup.models import backup_backends
from moto.rds.models import rds_backends

from tests.support.aws_access_gaps import AccessGaps
from tests.support.aws_reply import Reply

__all__ = ["Gap", "Gaps", "Reply", "record"]

Gap = Callable[[str, str, dict[str, Any], bytes], "Reply | None"]


@dataclass
class Gaps:
    """State of the stand-ins, by account (and region where it matters)."""

    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Account → records as CloudTrail writes them."""
    locks: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Snapshot → mode, until."""
    allowed: dict[str, set[str] | None] = field(default_factory=dict)
    """Account → actions that its role is allowed; None: nobody may simulate."""
    detections: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """(account, region) → GuardDuty's findings."""
    workflow: dict[str, str] = field(default_factory=dict)
    points: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """(account, region) → recovery points of AWS Backup."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    makes: dict[str, Callable[[], str]] = field(default_factory=dict)
    """Recovery point → makes what a restore of it ends with, at the second look at the job; else :meth:`finish` ends it."""
    looked_at: Counter[str] = field(default_factory=Counter)
    policies: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(account, region, backup vault) → its policy."""
    access: AccessGaps = field(default_factory=AccessGaps)

    def find(self, service: str, operation: str) -> Gap | None:
        for (of, pattern), gap in self._table().items():
            if of == service and re.fullmatch(pattern, operation):
                return gap
        return None

    def _table(self) -> dict[tuple[str, str], Gap]:
        return {
            ("cloudtrail", "LookupEvents"): self._lookup,
            ("iam", "SimulatePrincipalPolicy"): self._simulate,
            ("ec2", "LockSnapshot"): self._lock,
            ("ec2", "DescribeLockedSnapshots"): self._locked,
            ("ec2", "DeleteSnapshot"): self._delete_snapshot,
            ("rds", "PromoteReadReplica"): self._promote,
            ("guardduty", r"POST /detector/[^/]+/findings"): self._list_findings,
            ("guardduty", r"POST /detector/[^/]+/findings/get"): self._get_findings,
            ("guardduty", r"POST /detector/[^/]+/findings/(?:un)?archive"): self._archive,
            ("securityhub", r"PATCH /findings/batchupdate"): self._batch_update,
            ("backup", r"GET /resources/?"): self._protected,
            ("backup", r"GET /resources/.+/recovery-points/?"): self._points,
            ("backup", r"GET /backup-vaults/[^/]+/recovery-points/[^/]+/?"): self._point,
            ("backup", r"GET /backup-vaults/[^/]+/recovery-points/[^/]+/restore-metadata/?"): self._metadata,
            ("backup", r"GET /backup-vaults/[^/]+/?"): self._vault,
            ("backup", r"[A-Z]+ /backup-vaults/[^/]+/access-policy/?"): self._vault_policy,
            ("backup", r"PUT /(?:backup|restore)-jobs/?"): self._start,
            ("backup", r"GET /(?:backup|restore)-jobs/[^/]+/?"): self._job,
            **self.access.table(),
        }

    # --- CloudTrail ---------------------------------------------------------------------------------------------------

    def _lookup(self, account: str, region: str, _environ: dict[str, Any], body: bytes) -> Reply:
        wanted = json.loads(body or b"{}")
        attributes = wanted.get("LookupAttributes", [])
        if len(attributes) > 1:
            return Reply.json_error(400, "InvalidLookupAttributesException")
        since = datetime.fromtimestamp(float(wanted.get("StartTime", 0)), UTC)
        until = datetime.fromtimestamp(float(wanted.get("EndTime", 4e9)), UTC)
        rows = [
            row
            for row in self.events[account]
            if row["awsRegion"] == region and since <= datetime.fromisoformat(row["eventTime"]) <= until
        ]
        for attribute in attributes:
            rows = [row for row in rows if _attribute(row, attribute["AttributeKey"]) == attribute["AttributeValue"]]
        rows.sort(key=lambda row: str(row["eventTime"]), reverse=True)
        start = int(wanted.get("NextToken", "0"))
        size = min(int(wanted.get("MaxResults", 50)), 50)
        page: dict[str, Any] = {
            "Events": [
                {
                    "EventId": row["eventID"],
                    "EventName": row["eventName"],
                    "EventTime": datetime.fromisoformat(row["eventTime"]).timestamp(),
                    "EventSource": row["eventSource"],
                    "Resources": [],
                    "CloudTrailEvent": json.dumps(row),
                }
                for row in rows[start : start + size]
            ]
        }
        if start + size < len(rows):
            page["NextToken"] = str(start + size)
        return Reply.json(page)

    # --- IAM ----------------------------------------------------------------------------------------------------------

    def _simulate(self, account: str, _region: str, _environ: dict[str, Any], body: bytes) -> Reply:
        allowed = self.allowed.get(account)
        if allowed is None:
            return Reply.query_error(403, "AccessDenied")
        params = parse_qs(body.decode())
        if f":{account}:" not in params.get("PolicySourceArn", [""])[0]:
            return Reply.query_error(404, "NoSuchEntity")
        names = [value[0] for name, value in params.items() if name.startswith("ActionNames.member.")]
        members = "".join(
            f"<member><EvalActionName>{escape(name)}</EvalActionName><EvalResourceName>*</EvalResourceName>"
            f"<EvalDecision>{'allowed' if name in allowed else 'implicitDeny'}</EvalDecision></member>"
            for name in names
        )
        text = (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>'
            f"<IsTruncated>false</IsTruncated><EvaluationResults>{members}</EvaluationResults>"
            "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        )
        return Reply(200, text.encode())

    # --- EC2 ----------------------------------------------------------------------------------------------------------

    def _lock(self, _account: str, _region: str, _environ: dict[str, Any], body: bytes) -> Reply:
        params = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        snapshot, mode = params["SnapshotId"], params.get("LockMode", "")
        if mode not in ("compliance", "governance") or "ExpirationDate" not in params:
            return Reply.ec2_error(400, "InvalidParameterValue")
        until = datetime.fromisoformat(params["ExpirationDate"])
        present = self.locks.get(snapshot)
        if present is not None and present[0] == "compliance" and until < present[1]:
            return Reply.ec2_error(400, "SnapshotLockException")
        if until <= datetime.now(UTC):
            return Reply.ec2_error(400, "InvalidParameterValue")
        self.locks[snapshot] = (mode, until)
        text = (
            '<LockSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<snapshotId>{snapshot}</snapshotId><lockState>{mode}</lockState>"
            f"<lockExpiresOn>{_iso(until)}</lockExpiresOn></LockSnapshotResponse>"
        )
        return Reply(200, text.encode())

    def _locked(self, account: str, _region: str, _environ: dict[str, Any], body: bytes) -> Reply:
        wanted = {v[0] for n, v in parse_qs(body.decode()).items() if n.startswith("SnapshotId.")}
        items = "".join(
            f"<item><ownerId>{account}</ownerId><snapshotId>{snapshot}</snapshotId><lockState>{mode}</lockState>"
            f"<lockExpiresOn>{_iso(until)}</lockExpiresOn></item>"
            for snapshot, (mode, until) in self.locks.items()
            if snapshot in wanted
        )
        text = (
            '<DescribeLockedSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<snapshotSet>{items}</snapshotSet></DescribeLockedSnapshotsResponse>"
        )
        return Reply(200, text.encode())

    def _delete_snapshot(self, _account: str, _region: str, _environ: dict[str, Any], body: bytes) -> Reply | None:
        snapshot = parse_qs(body.decode())["SnapshotId"][0]
        lock = self.locks.get(snapshot)
        return Reply.ec2_error(400, "SnapshotLocked") if lock and lock[1] > datetime.now(UTC) else None

    # --- RDS ----------------------------------------------------------------------------------------------------------

    def _promote(self, account: str, region: str, _environ: dict[str, Any], body: bytes) -> Reply | None:
        """moto answers anything, and goes on showing the source; here the promotion is on its way until :meth:`promoted`."""
        name = parse_qs(body.decode())["DBInstanceIdentifier"][0]
        database = rds_backends[account][region].databases.get(name)
        if database is None:
            return Reply.query_error(404, "DBInstanceNotFound")
        if database.source_db_instance_identifier is None or database.status != "available":
            return Reply.query_error(400, "InvalidDBInstanceState")
        database.status = "modifying"
        return None

    def promoted(self, account: str, region: str, name: str) -> None:
        """The promotion comes to its end."""
        database = rds_backends[account][region].databases[name]
        database.status, database.source_db_instance_identifier = "available", None

    # --- GuardDuty and Security Hub -----------------------------------------------------------------------------------

    def _list_findings(self, account: str, region: str, _environ: dict[str, Any], body: bytes) -> Reply:
        wanted = json.loads(body)["findingCriteria"]["criterion"]
        unknown = set(wanted) - {"updatedAt", "severity", "service.archived"}
        if unknown:
            return Reply.json_error(400, "BadRequestException")
        least = wanted["severity"]["greaterThanOrEqual"]
        since = wanted["updatedAt"]["greaterThanOrEqual"] / 1000
        rows = [
            row["id"]
            for row in self.detections[account, region]
            if row["severity"] >= least
            and datetime.fromisoformat(row["updatedAt"]).timestamp() >= since
            and ("service.archived" not in wanted or not row["service"]["archived"])
        ]
        return Reply.json({"findingIds": rows})

    def _get_findings(self, account: str, region: str, _environ: dict[str, Any], body: bytes) -> Reply:
        wanted = json.loads(body)["findingIds"]
        return Reply.json({"findings": [row for row in self.detections[account, region] if row["id"] in wanted]})

    def _archive(self, account: str, region: str, environ: dict[str, Any], body: bytes) -> Reply:
        for row in self.detections[account, region]:
            if row["id"] in json.loads(body)["findingIds"]:
                row["service"]["archived"] = not environ["PATH_INFO"].endswith("unarchive")
        return Reply.json({})

    def _batch_update(self, _account: str, _region: str, _environ: dict[str, Any], body: bytes) -> Reply:
        wanted = json.loads(body)
        for one in wanted["FindingIdentifiers"]:
            self.workflow[one["Id"]] = wanted["Workflow"]["Status"]
        return Reply.json({"ProcessedFindings": wanted["FindingIdentifiers"], "UnprocessedFindings": []})

    # --- AWS Backup ---------------------------------------------------------------------------------------------------

    def add_point(self, account: str, region: str, resource: str, kind: str, at: datetime) -> str:
        """A recovery point in the default vault."""
        arn = f"arn:aws:backup:{region}:{account}:recovery-point:{uuid.uuid4()}"
        self.points[account, region].append(
            {
                "RecoveryPointArn": arn,
                "BackupVaultName": "Default",
                "ResourceArn": resource,
                "ResourceType": kind,
                "CreationDate": at.timestamp(),
                "Status": "COMPLETED",
                "BackupSizeInBytes": 4096,
                "IsEncrypted": True,
            }
        )
        return arn

    def _protected(self, account: str, region: str, _environ: dict[str, Any], _body: bytes) -> Reply:
        newest: dict[str, dict[str, Any]] = {}
        for row in self.points[account, region]:
            newest[row["ResourceArn"]] = {
                "ResourceArn": row["ResourceArn"],
                "ResourceType": row["ResourceType"],
                "LastBackupTime": row["CreationDate"],
            }
        return Reply.json({"Results": list(newest.values())})

    def _points(self, account: str, region: str, environ: dict[str, Any], _body: bytes) -> Reply:
        path = unquote(environ["PATH_INFO"])
        resource = path.removeprefix("/resources/").split("/recovery-points")[0]
        rows = [row for row in self.points[account, region] if row["ResourceArn"] == resource]
        return Reply.json({"RecoveryPoints": rows})

    def _point(self, account: str, region: str, environ: dict[str, Any], _body: bytes) -> Reply:
        arn = unquote(environ["PATH_INFO"]).split("/recovery-points/")[1]
        for row in self.points[account, region]:
            if row["RecoveryPointArn"] == arn:
                return Reply.json(row)
        return Reply.json_error(400, "ResourceNotFoundException")

    def _metadata(self, account: str, region: str, environ: dict[str, Any], _body: bytes) -> Reply:
        """As the thing was, with what AWS hands out and does not take."""
        arn = unquote(environ["PATH_INFO"]).split("/recovery-points/")[1].removesuffix("/restore-metadata")
        for row in self.points[account, region]:
            if row["RecoveryPointArn"] == arn:
                was = {**self._was(row), "aws:backup:request-id": "1"}
                return Reply.json(
                    {"RecoveryPointArn": arn, "RestoreMetadata": was, "ResourceType": row["ResourceType"]}
                )
        return Reply.json_error(400, "ResourceNotFoundException")

    @staticmethod
    def _was(row: dict[str, Any]) -> dict[str, str]:
        name = str(row["ResourceArn"]).replace("/", ":").rsplit(":", 1)[-1]
        if row["ResourceType"] == "RDS":
            return {"DBInstanceIdentifier": name, "Engine": "postgres", "MultiAZ": "false"}
        return {"volumeId": name, "encrypted": "false"}

    def _vault(self, account: str, region: str, environ: dict[str, Any], _body: bytes) -> Reply:
        """moto's, with the lock, which moto keeps and tells in lists alone."""
        found = backup_backends[account][region].vaults.get(unquote(environ["PATH_INFO"].split("/")[2]))
        return Reply.json(found.to_list_dict()) if found else Reply.json_error(400, "ResourceNotFoundException")

    def _taken(self, account: str, region: str, wanted: dict[str, Any]) -> bool:
        """What a restore is begun with: of the thing's kind, and no name that there is already."""
        (row,) = (one for one in self.points[account, region] if one["RecoveryPointArn"] == wanted["RecoveryPointArn"])
        was, given = self._was(row), wanted.get("Metadata", {})
        if not given or set(given) - set(was) or "IamRoleArn" not in wanted:
            return False
        return row["ResourceType"] != "RDS" or given["DBInstanceIdentifier"] != was["DBInstanceIdentifier"]

    def _start(self, account: str, region: str, environ: dict[str, Any], body: bytes) -> Reply:
        wanted, restore = json.loads(body), "restore" in environ["PATH_INFO"]
        token = f"{account}:{wanted['IdempotencyToken']}"
        known = {row["RecoveryPointArn"] for row in self.points[account, region]}
        if restore and wanted["RecoveryPointArn"] not in known:
            return Reply.json_error(400, "ResourceNotFoundException")
        if restore and not self._taken(account, region, wanted):
            return Reply.json_error(400, "InvalidParameterValueException")
        id = self.tokens.setdefault(token, str(uuid.uuid4()))
        if id not in self.jobs:
            job: dict[str, Any] = {
                "CreationDate": datetime.now(UTC).timestamp(),
                "State": "RUNNING",
                "Status": "RUNNING",
            }
            if restore:
                job |= {"RestoreJobId": id, "RecoveryPointArn": wanted["RecoveryPointArn"]}
            else:
                job |= {"BackupJobId": id, "ResourceArn": wanted["ResourceArn"]}
            self.jobs[id] = job
        return Reply.json({"RestoreJobId" if restore else "BackupJobId": id})

    def finish(self, id: str, **more: Any) -> None:
        """A job comes to its end."""
        self.jobs[id].update(
            {"State": "COMPLETED", "Status": "COMPLETED", "CompletionDate": datetime.now(UTC).timestamp(), **more}
        )

    def _vault_policy(self, account: str, region: str, environ: dict[str, Any], body: bytes) -> Reply:
        name = unquote(environ["PATH_INFO"].split("/")[2])
        place = (account, region, name)
        if environ["REQUEST_METHOD"] == "PUT":
            self.policies[place] = json.loads(body)["Policy"]
            return Reply.json({})
        if environ["REQUEST_METHOD"] == "DELETE":
            self.policies.pop(place, None)
            return Reply.json({})
        if place not in self.policies:
            return Reply.json_error(400, "ResourceNotFoundException")
        return Reply.json({"BackupVaultName": name, "Policy": self.policies[place]})

    def _job(self, _account: str, _region: str, environ: dict[str, Any], _body: bytes) -> Reply:
        id = environ["PATH_INFO"].rsplit("/", 1)[-1]
        job = self.jobs.get(id)
        if job is not None and "RestoreJobId" in job and job["Status"] == "RUNNING" and self.looked_at[id]:
            made = self.makes.get(job["RecoveryPointArn"])
            if made is not None:
                self.finish(id, CreatedResourceArn=made())
        self.looked_at[id] += 1
        return Reply.json(job) if job else Reply.json_error(400, "ResourceNotFoundException")


def _attribute(row: dict[str, Any], name: str) -> Any:
    who = row.get("userIdentity", {})
    return {
        "AccessKeyId": who.get("accessKeyId"),
        "Username": who.get("userName"),
        "EventName": row.get("eventName"),
    }.get(name)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def record(
    operation: str,
    at: datetime,
    *,
    source: str = "iam",
    user: str = "ci-deploy",
    key: str = "AKIAEXAMPLE000000000",
    account: str = "123456789012",
    region: str = "us-east-1",
    ip: str = "203.0.113.66",
    agent: str = "aws-cli/2.15",
    request: dict[str, Any] | None = None,
    response: dict[str, Any] | None = None,
    error: str = "",
    **more: Any,
) -> dict[str, Any]:
    """One record as CloudTrail writes it."""
    made: dict[str, Any] = {
        "eventVersion": "1.09",
        "eventID": str(uuid.uuid4()),
        "eventTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{source}.amazonaws.com",
        "eventName": operation,
        "awsRegion": region,
        "sourceIPAddress": ip,
        "userAgent": agent,
        "userIdentity": {
            "type": "IAMUser",
            "arn": f"arn:aws:iam::{account}:user/{user}",
            "accountId": account,
            "accessKeyId": key,
            "userName": user,
        },
        "readOnly": operation.startswith(("Get", "List", "Describe")),
        "requestParameters": request,
        "responseElements": response,
    }
    if error:
        made["errorCode"] = error
    return made | more
