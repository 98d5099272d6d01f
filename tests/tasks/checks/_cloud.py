"""Facts of a cloud account for the checks' own tests: ordinary ones, of which a test changes what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from tasks.checks._collect.cloud import Trails
from tenantry.capabilities import (
    CloudFunction,
    CloudNetwork,
    CloudRole,
    CloudUser,
    EncryptionKey,
    Firewall,
    HeldKey,
    IdentityProvider,
    Machine,
    ManagedDatabase,
    NetworkLog,
    OpenBucket,
    Opening,
    PasswordRules,
    PublicAccess,
    Recorder,
    Rights,
    RootUser,
    SharedDisk,
    TrustAnchor,
    VendorFinding,
    WatchedTrail,
)
from tenantry.sweep.check import Check, Known, Look

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NEW, OLD = NOW - timedelta(days=3), NOW - timedelta(days=300)
OWN, STRANGER, HUB, OWNER = "111122223333", "999988887777", "222233334444", "555566667777"
LOOK = Look(NOW, NOW - timedelta(days=30), Known(cloud_accounts=frozenset({HUB})))
NOTHING = Rights(administrator=False, inline_administrator=False, through=())
ALL = Rights(administrator=True, inline_administrator=False, through=("AdministratorAccess",))
CLOSED = PublicAccess(block_acls=False, ignore_acls=False, block_policy=False, restrict_buckets=False)


def found(check: Check[Any], fact: Any) -> list[tuple[str, str]]:
    """Severity and entity of what a check has against a fact."""
    return [(one.severity, one.entity["id"]) for one in check.evaluate(fact, LOOK)]


def root(**of: Any) -> RootUser:
    return RootUser(**{"account": OWN, "keys": False, "mfa": True, "password_used_at": OLD, "key_used_at": None} | of)


ROOT = f"arn:aws:iam::{OWN}:root"


def key(id: str = "AKIA1", created_at: datetime = OLD, *, active: bool = True) -> HeldKey:
    return HeldKey(id=id, active=active, created_at=created_at, last_used_at=None)


def user(**of: Any) -> CloudUser:
    return CloudUser(
        **{
            "ref": "user/kim",
            "arn": "kim",
            "created_at": OLD,
            "rights": NOTHING,
            "keys": (),
            "password": True,
            "password_changed_at": OLD,
            "password_used_at": OLD,
            "mfa": True,
            "known_at": NOW,
        }
        | of
    )


def trusting(principal: Any, **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Statement": [statement | ({"Condition": condition} if condition else {})]}


def role(**of: Any) -> CloudRole:
    return CloudRole(
        **{
            "ref": "role/app",
            "arn": "app",
            "account": OWN,
            "owner": OWNER,
            "organization": "o-acme",
            "created_at": OLD,
            "last_used_at": None,
            "service": False,
            "ours": False,
            "rights": NOTHING,
            "trust": trusting({"Service": "ec2.amazonaws.com"}),
        }
        | of
    )


def provider(**of: Any) -> IdentityProvider:
    return IdentityProvider(
        **{
            "id": "p",
            "kind": "saml",
            "name": "okta",
            "created_at": OLD,
            "expires_at": None,
            "audiences": (),
            "service": False,
        }
        | of
    )


def anchor(**of: Any) -> TrustAnchor:
    return TrustAnchor(
        **{
            "id": "a",
            "region": "eu-central-1",
            "name": "ca",
            "enabled": True,
            "kind": "uploaded",
            "created_at": OLD,
            "changed_at": OLD,
        }
        | of
    )


def trail(**of: Any) -> WatchedTrail:
    return WatchedTrail(
        **{
            "id": "t",
            "name": "all",
            "region": "eu-central-1",
            "own": True,
            "recording": True,
            "every_region": True,
            "global_services": True,
            "validated": True,
            "reads": True,
            "writes": True,
            "excluded": (),
            "objects": False,
            "bucket": "logs",
            "expires_days": None,
            "bucket_known": True,
            "delivery_error": "",
            "delivered_at": NOW,
            "stopped_at": None,
        }
        | of
    )


def trails(*of: dict[str, Any]) -> Trails:
    return Trails(OWN, tuple(trail(**one) for one in of))


def recorder(**of: Any) -> Recorder:
    return Recorder(
        **{"region": "eu-central-1", "name": "r", "recording": True, "stopped_at": None, "everything": True} | of
    )


def network_log(**of: Any) -> NetworkLog:
    return NetworkLog(
        **{
            "id": "fl",
            "region": "eu-central-1",
            "kind": "flow",
            "name": "logs",
            "about": "vpc-1",
            "active": True,
            "error": "",
            "fed": True,
            "created_at": OLD,
        }
        | of
    )


def firewall(protocol: str, first: int, last: int) -> Firewall:
    openings = (Opening(protocol=protocol, first=first, last=last),)
    return Firewall(id="sg", region="eu-central-1", network="vpc-1", name="web", openings=openings)


def machine(script: str = "", **of: Any) -> Machine:
    return Machine(
        **{
            "id": "i",
            "region": "eu-central-1",
            "usual_region": True,
            "name": "web",
            "kind": "t3.micro",
            "state": "running",
            "launched_at": NEW,
            "role": "",
            "public_ip": "",
            "groups": (),
            "script": SecretStr(script),
            "metadata_guarded": True,
        }
        | of
    )


def disk(*shared_with: str) -> SharedDisk:
    return SharedDisk(
        id="snap", kind="snapshot", region="eu-central-1", account=OWN, name="", created_at=OLD, shared_with=shared_with
    )


def policy(principal: Any, *actions: str, **condition: Any) -> dict[str, Any]:
    return {"Statement": [trusting(principal, **condition)["Statement"][0] | {"Action": list(actions)}]}


def bucket(**of: Any) -> OpenBucket:
    return OpenBucket(
        **{
            "name": "b",
            "region": "eu-central-1",
            "account": OWN,
            "organization": "o-acme",
            "created_at": OLD,
            "readable": True,
            "access": CLOSED,
            "policy": None,
            "public_lists": (),
            "versioning": "on",
            "expires_days": None,
        }
        | of
    )


def function(**of: Any) -> CloudFunction:
    return CloudFunction(
        **{
            "id": "fn",
            "region": "eu-central-1",
            "account": OWN,
            "organization": "o-acme",
            "name": "api",
            "changed_at": OLD,
            "role": "",
            "layers": (),
            "policy": None,
        }
        | of
    )


def encryption_key(**of: Any) -> EncryptionKey:
    return EncryptionKey(
        **{
            "id": "k",
            "region": "eu-central-1",
            "state": "enabled",
            "deletion_at": None,
            "managed_by_customer": True,
            "raw": {},
        }
        | of
    )


def vendor_finding(**of: Any) -> VendorFinding:
    return VendorFinding(
        **{
            "id": "guardduty:eu-central-1:d:1",
            "service": "guardduty",
            "region": "eu-central-1",
            "type": "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
            "title": "Credentials used elsewhere",
            "severity": "high",
            "first_seen": NEW,
            "updated_at": NEW,
            "resources": ("i-1",),
            "open": True,
            "raw": {},
        }
        | of
    )


def rules(**of: Any) -> PasswordRules:
    return PasswordRules(**{"account": OWN, "set_": True, "shortest": 14, "remembered": 24} | of)


def managed(**of: Any) -> ManagedDatabase:
    return ManagedDatabase(
        **{
            "id": f"arn:aws:rds:eu-central-1:{OWN}:db:shop",
            "region": "eu-central-1",
            "name": "shop",
            "enciphered": True,
            "public": False,
            "kept_days": 14,
            "updates_itself": True,
            "deletion_guarded": True,
        }
        | of
    )


def network(**of: Any) -> CloudNetwork:
    return CloudNetwork(**{"id": "vpc", "region": "eu-central-1", "logged": True, "default_rules": 0} | of)
