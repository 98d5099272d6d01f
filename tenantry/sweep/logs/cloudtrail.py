"""AWS CloudTrail: files as S3 has them, bare lists, one record a line, and what other services make of them
(:mod:`tenantry.sweep.logs.cloudtrail_forms`).

Fields: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html and
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html. The view:

=============  ================================================================================================
``name``       ``eventName`` without the API's version
``actor``      the principal that can be contained: user's or role's ARN (with the session's name where it names
               an instance or a person), ``root``, the service's name
``actor_type`` user, root, role, service, federated, account, anonymous
``ip``         ``sourceIPAddress``                       ``network``  its neighbourhood, or the service's name
``client``     the user agent's family                   ``agent``    the user agent
``session``    ``userIdentity.accessKeyId``              ``region``   ``awsRegion``
``service``    ``eventSource`` without its domain        ``account``  ``recipientAccountId``
``outcome``    success, denied, failure                  ``error``    ``errorCode``
``read_only``  ``readOnly``, or what the name says
=============  ================================================================================================

and what :mod:`tenantry.sweep.logs.aws_meaning` works out of the parameters.

Most of a trail says the same again: an account calls the same operation from the same place a hundred times. What follows from
such fields alone is worked out once (:class:`tenantry.sweep.model.Kin`), which halves the time that a trail takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from tenantry.sweep.logs.aws_meaning import meaning, means
from tenantry.sweep.logs.cloudtrail_forms import events
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.logs.values import client_family, inner, network, seconds, text, without
from tenantry.sweep.model import Event, Kin

__all__ = ["STEADY", "event", "looks_into", "read"]

STEADY: Final = frozenset(
    {
        "eventName", "eventSource", "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "recipientAccountId", "eventType",
        "userIdentity.arn", "userIdentity.accessKeyId", "userIdentity.type", "userIdentity.principalId", "userIdentity.invokedBy",
        "userIdentity.userName", "userIdentity.accountId",
        "view.name", "view.actor", "view.actor_type", "view.user_name", "view.ip", "view.network", "view.client", "view.agent", "view.session",
        "view.region", "view.service", "view.account", "view.outcome", "view.error", "view.read_only", "view.instance_session",
    }
)  # fmt: skip
"""Fields in which events of one kin are alike."""
_STEADY_VIEW: Final = tuple(sorted(name.removeprefix("view.") for name in STEADY if name.startswith("view.")))
_MOST_KIN: Final = 8192
"""Three kilobytes each."""

_ACCOUNT: Final = re.compile(r"\d{12}")
_ORGANIZATION: Final = re.compile(r"AWSLogs/(o-[a-z0-9]{10,32})/(\d{12})/")
_DENIED: Final = re.compile(
    r"AccessDenied|Unauthorized|Forbidden|NotAuthorized|AuthFailure|OperationNotPermitted", re.IGNORECASE
)
_READS: Final = ("Get", "List", "Describe", "Head", "BatchGet", "Search", "Lookup", "Select", "Query", "Scan", "Check")
_INSTANCE: Final = re.compile(r"m?i-[0-9a-f]{8,17}\Z")


def looks_into(folder: Path) -> bool:
    """Of the folders that AWS's services write beside each other (``AWSLogs/account/service/…``), those of trails; every other folder."""
    if not _ACCOUNT.fullmatch(folder.parent.name) or "AWSLogs" not in folder.parts:
        return True
    return folder.name.startswith("CloudTrail") and folder.name not in ("CloudTrail-Digest", "CloudTrail-Insight")


def _organizations(intake: Intake) -> dict[str, str]:
    """Account → organisation, by the folders of an organisation's trail (``AWSLogs/o-…/account/CloudTrail/…``)."""
    if intake.organizations is None:
        matched = (_ORGANIZATION.search(path.as_posix()) for path in intake.paths)
        intake.organizations = {found[2]: found[1] for found in matched if found}
    return intake.organizations


def read(stream: TextStream, intake: Intake) -> Iterator[Event]:
    """The events of one file. Accounts of one organisation are not outside of each other."""
    kin, quiet = intake.kin, intake.quiet
    organizations = _organizations(intake)
    for number, record in events(stream, intake):
        like = _kin(record, kin) if type(record) is dict else None
        if like is not None:
            id, time = record.get("eventID"), seconds(record.get("eventTime"))
            if type(id) is str and id and time is not None:
                if like.quiet and quiet is not None:
                    quiet(like, id, time, record)
                    continue
                view = like.view
                if like.more:
                    view = {**view, **meaning(view["name"], record, view)}
                    if organizations:
                        _among(view, organizations)
                yield Event(id, time, record["eventName"], view, record, like)
                continue
        if isinstance(record, Mapping) and "digestPublicKeyFingerprint" in record:
            continue  # the digests that lie beside the logs
        found = event(record) if isinstance(record, Mapping) else None
        if found is not None:
            if organizations:
                _among(found.view, organizations)
            _remember(found, kin)
        if found is None:
            intake.broken_row(f"{stream.name}#{number}", "no CloudTrail event")
        else:
            yield found


def _among(view: dict[str, Any], organizations: Mapping[str, str]) -> None:
    mine = organizations.get(text(view["account"]))
    if mine is not None and "outside" in view:
        without(view, {account for account, one in organizations.items() if one == mine})


def _key(record: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What decides all that events of one kin share; None: such a record has no kin."""
    identity = record.get("userIdentity")
    if type(identity) is not dict:
        return None
    get, who = record.get, identity.get
    context = who("sessionContext")
    issuer = context.get("sessionIssuer") if type(context) is dict else None
    return (
        get("eventName"), get("eventSource"), get("awsRegion"), get("sourceIPAddress"), get("userAgent"), get("errorCode"),
        get("recipientAccountId"), get("eventType"), get("readOnly"), not get("errorMessage"),
        who("arn"), who("accessKeyId"), who("type"), who("principalId"), who("invokedBy"), who("userName"), who("accountId"),
        issuer.get("arn") if type(issuer) is dict else None,
    )  # fmt: skip


def _kin(record: Mapping[str, Any], known: Mapping[tuple[Any, ...], Kin]) -> Kin | None:
    """The kin of a record, if it was met."""
    key = _key(record)
    if key is None:
        return None
    try:
        return known.get(key)
    except TypeError:  # a list where a name should be: a log may hold anything
        return None


def _remember(found: Event, known: dict[tuple[Any, ...], Kin]) -> None:
    """Take the event for the first of its kin. Sign-ins are each judged by themselves: their answers say how they ended."""
    record, view = found.record, found.view
    key = _key(record)
    if key is None or view["service"] == "signin" or view["name"] == "ConsoleLogin":
        return
    if not all(part is None or type(part) in (str, bool) for part in key):
        return
    if len(known) >= _MOST_KIN:
        known.clear()
    known[key] = Kin({name: view[name] for name in _STEADY_VIEW if name in view}, means(view["name"]))


def event(record: Mapping[str, Any]) -> Event | None:
    """The view of one record; None when it has neither name nor time."""
    name, time = record.get("eventName"), seconds(record.get("eventTime"))
    if not isinstance(name, str) or not name or time is None:
        return None
    identity = record.get("userIdentity")
    identity = identity if isinstance(identity, Mapping) else {}
    agent, ip, error = (
        value if type(value) is str else text(value)
        for value in (record.get("userAgent"), record.get("sourceIPAddress"), record.get("errorCode"))
    )
    actor, actor_type = _actor(identity, record)
    read_only = record.get("readOnly")
    view: dict[str, Any] = {
        "name": _plain(name),
        "actor": actor,
        "actor_type": actor_type,
        "user_name": text(identity.get("userName")) or None,
        "ip": ip,
        "network": network(ip),
        "client": client_family(agent),
        "agent": agent,
        "session": text(identity.get("accessKeyId")) or None,
        "region": record.get("awsRegion"),
        "service": text(record.get("eventSource")).split(".")[0],
        "account": record.get("recipientAccountId") or identity.get("accountId"),
        "outcome": _outcome(error, record),
        "error": error or None,
        "read_only": read_only if isinstance(read_only, bool) else name.startswith(_READS),
    }
    view.update(meaning(view["name"], record, view))
    return Event(text(record.get("eventID")) or text(record.get("requestID")), time, name, view, record)


@lru_cache(maxsize=8192)
def _plain(name: str) -> str:
    """The operation without the API's version: Lambda logs ``UpdateFunctionCode20150331v2``."""
    return re.sub(r"20\d{6}(v\d+)?\Z", "", name)


def _outcome(error: str, record: Mapping[str, Any]) -> str:
    if error:
        return "denied" if _DENIED.search(error) else "failure"
    if record.get("errorMessage"):
        return "failure"
    if record.get("eventName") == "ConsoleLogin" and inner(record, "responseElements", "ConsoleLogin") == "Failure":
        return "failure"
    return "success"


def _actor(identity: Mapping[str, Any], record: Mapping[str, Any]) -> tuple[str, str]:
    kind, arn, via = text(identity.get("type")), text(identity.get("arn")), text(identity.get("invokedBy"))
    if kind == "AWSService" or (not kind and via):
        return via or arn or "AWS", "service"
    if kind == "Root":
        return arn or f"root of {text(identity.get('accountId'))}", "root"
    if kind == "AssumedRole":
        return _role(identity, arn)
    if kind == "IAMUser":
        return arn or text(identity.get("userName")) or text(identity.get("principalId")), "user"
    if kind in ("FederatedUser", "SAMLUser", "WebIdentityUser", "IdentityCenterUser"):
        return arn or text(identity.get("userName")) or text(identity.get("principalId")), "federated"
    if kind == "AWSAccount":
        # Another account's principal, or nobody signed in.
        principal = text(identity.get("principalId"))
        return (
            arn or principal or text(identity.get("accountId"))
        ), "anonymous" if principal.lower() == "anonymous" else "account"
    if record.get("eventType") == "AwsServiceEvent":
        return text(record.get("eventSource")), "service"
    return arn or text(identity.get("principalId")) or "unknown", kind.lower() or "unknown"


def _role(identity: Mapping[str, Any], arn: str) -> tuple[str, str]:
    issuer = text(inner(identity, "sessionContext", "sessionIssuer", "arn"))
    session = arn.rpartition("/")[2]
    if "/aws-service-role/" in issuer or "AWSServiceRoleFor" in arn:
        return issuer or arn, "service"
    if not issuer:
        return arn, "role"
    # The session's name tells one instance, or one person of the single sign-on, from another.
    return (f"{issuer}/{session}" if _INSTANCE.match(session) or "@" in session else issuer), "role"
