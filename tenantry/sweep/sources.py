"""The log formats: who reads them, which Sigma rules fit them, and what those rules' fields are called here.

A rule's field is looked for in this order: ``view.…`` is the internal view (its mapping stands in each reader's
docstring); a name in the source's table is one that public rules use for something that the log calls otherwise; any
other is a path in the original record, of which the first part must be a name that the format has. A rule with a field
that the format does not have is not evaluated, and says so: it could never match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tenantry.errors import InvalidInput
from tenantry.sweep.logs import cloudtrail, entra, sshd, ual
from tenantry.sweep.logs.files import Intake, TextStream, every
from tenantry.sweep.model import Event

__all__ = ["FORMATS", "Source", "source"]

Read = Callable[[TextStream, Intake], Iterator[Event]]
One = Callable[[Mapping[str, Any]], Event | None]
"""The view of one record in the vendor's form; None when it is none."""
Log = tuple[str | None, str | None, str | None]
"""Product, category, service of a Sigma rule."""


@dataclass(frozen=True, slots=True)
class Source:
    """One format.

    Attributes:
        read: reads a file of them.
        event: one record that was parsed already, as an API gave it.
        logs: Sigma's log sources that fit; None in one fits anything there.
        fields: public rules' names → paths.
        native: first parts of paths in the original; empty when any may occur.
        index: fields by whose values rules are looked up.
        steady: fields in which events of one kin are alike.
        folder: of ``runbooks/detections/``.
        entities: fields that name an entity → its type.
        wrappers: beginnings of fields in stores that wrap the vendor's records; what follows is the record's own name.
        into: whether a folder of files may hold them.
    """

    name: str
    read: Read
    event: One
    logs: tuple[Log, ...]
    folder: str
    native: frozenset[str] = frozenset()
    fields: Mapping[str, str] = field(default_factory=dict)
    index: tuple[str, ...] = ("view.name",)
    steady: frozenset[str] = frozenset()
    entities: Mapping[str, str] = field(default_factory=dict)
    wrappers: tuple[str, ...] = ()
    into: Callable[[Path], bool] = every

    def fits(self, product: str | None, category: str | None, service: str | None) -> bool:
        """Whether a rule for that log source can be asked of this log."""
        given = tuple(one.lower() if one else None for one in (product, category, service))
        return any(
            all(mine is None or mine == theirs for mine, theirs in zip(log, given, strict=True)) for log in self.logs
        )

    def path(self, name: str) -> tuple[str, ...] | None:
        """Where a rule's field stands; None when this log has no such field."""
        if name.startswith("view."):
            return tuple(name.split("."))
        mapped = self.fields.get(name.lower())
        if mapped is not None:
            return tuple(mapped.split("."))
        for wrapper in self.wrappers:
            if name.lower().startswith(wrapper):
                return self.path(name[len(wrapper) :])
        first, *rest = name.split(".")
        if not self.native or first in self.native:
            return (first, *rest)
        # Public rules write names as Azure's tables do: CrossTenantAccessType.
        native = next((one for one in self.native if one.lower() == first.lower()), None)
        return (native, *rest) if native is not None else None


_CLOUDTRAIL: Final = frozenset(
    {
        "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode",
        "errorMessage", "requestParameters", "responseElements", "additionalEventData", "requestID", "eventID", "readOnly", "resources",
        "eventType", "managementEvent", "recipientAccountId", "vpcEndpointId", "vpcEndpointAccountId", "eventCategory", "tlsDetails",
        "sessionCredentialFromConsole", "serviceEventDetails", "sharedEventID", "apiVersion", "addendum", "edgeDeviceDetails",
    }
)  # fmt: skip
_CLOUDTRAIL_NAMES: Final = {"status": "view.outcome", "user_agent": "userAgent"}
_SIGN_IN: Final = frozenset(
    {
        "id", "createdDateTime", "userDisplayName", "userPrincipalName", "userId", "appId", "appDisplayName", "ipAddress", "clientAppUsed",
        "correlationId", "conditionalAccessStatus", "isInteractive", "riskDetail", "riskLevelAggregated", "riskLevelDuringSignIn", "riskState",
        "riskEventTypes", "riskEventTypes_v2", "resourceDisplayName", "resourceId", "status", "deviceDetail", "location",
        "appliedConditionalAccessPolicies", "authenticationDetails", "authenticationMethodsUsed", "authenticationProcessingDetails",
        "authenticationProtocol", "authenticationRequirement", "authenticationRequirementPolicies", "autonomousSystemNumber", "clientCredentialType",
        "crossTenantAccessType", "flaggedForReview", "homeTenantId", "homeTenantName", "incomingTokenType", "isTenantRestricted", "mfaDetail",
        "networkLocationDetails", "originalRequestId", "originalTransferMethod", "processingTimeInMilliseconds", "resourceServicePrincipalId",
        "resourceTenantId", "servicePrincipalId", "servicePrincipalName", "sessionId", "sessionLifetimePolicies", "signInEventTypes",
        "signInIdentifier", "signInIdentifierType", "tokenIssuerName", "tokenIssuerType", "uniqueTokenIdentifier", "userAgent", "userType",
    }
)  # fmt: skip
_AUDIT: Final = frozenset(
    {
        "id", "category", "correlationId", "result", "resultReason", "activityDisplayName", "activityDateTime", "loggedByService",
        "operationType", "initiatedBy", "targetResources", "additionalDetails",
    }
)  # fmt: skip
_AUDIT_NAMES: Final = {
    "operationname": "activityDisplayName",
    "operation": "activityDisplayName",
    "activitydisplayname": "activityDisplayName",
    "properties.message": "activityDisplayName",
    "properties.activity": "activityDisplayName",
    "activity": "activityDisplayName",
    "activitytype": "activityDisplayName",
    "loggedbyservice": "loggedByService",
    "category": "category",
    "categoryvalue": "category",
    "result": "result",
    "status": "result",
    "failure_status_reason": "resultReason",
    "targetresources": "targetResources",
    "target": "targetResources",
    "initiatedby": "initiatedBy",
    "initiatedby.user.userprincipalname": "initiatedBy.user.userPrincipalName",
    "targetresources.type": "targetResources.type",
    "targetresources.modifiedproperties": "targetResources.modifiedProperties",
    "targetresources.newvalue": "targetResources.modifiedProperties.newValue",
    "modifiedproperties{}.newvalue": "targetResources.modifiedProperties.newValue",
    "consentcontext.isadminconsent": "view.modified.ConsentContext.IsAdminConsent",
    "resourceprovidervalue": "loggedByService",
    "additionaldetails": "additionalDetails",
    "additionaldetails.additionalinfo": "additionalDetails.value",
    "useragent": "view.agent",
}
_SIGN_IN_NAMES: Final = {
    "resulttype": "status.errorCode",
    "status.errorcode": "status.errorCode",
    "resultdescription": "status.failureReason",
    "status": "view.outcome",
    "username": "userPrincipalName",
    "userprincipalname": "userPrincipalName",
    "userid": "userId",
    "useragent": "view.agent",
    "appid": "appId",
    "applicationid": "appId",
    "app": "appDisplayName",
    "appdisplayname": "appDisplayName",
    "resourcedisplayname": "resourceDisplayName",
    "resourceidentity": "resourceId",
    "clientapp": "clientAppUsed",
    "clientappused": "clientAppUsed",
    "ipaddress": "ipAddress",
    "location": "location.countryOrRegion",
    "conditionalaccessstatus": "conditionalAccessStatus",
    "authenticationrequirement": "authenticationRequirement",
    "authenticationprotocol": "authenticationProtocol",
    "properties.authenticationprotocol": "authenticationProtocol",
    "properties.message": "authenticationProtocol",
    "riskstate": "riskState",
    "risklevelduringsignin": "riskLevelDuringSignIn",
    "riskeventtype": "riskEventTypes_v2",
    "devicedetail.trusttype": "deviceDetail.trustType",
    "devicedetail.iscompliant": "deviceDetail.isCompliant",
    "devicedetail.deviceid": "deviceDetail.deviceId",
    "networklocationdetails": "networkLocationDetails",
    "hometenantid": "homeTenantId",
    "resourcetenantid": "resourceTenantId",
    "originaltransfermethod": "originalTransferMethod",
    "mfadetail.authmethod": "mfaDetail.authMethod",
    "mfanotificationoutcome": "status.additionalDetails",
    "accountupn": "userPrincipalName",
    "authentication_result": "view.result",
}
_UAL_NAMES: Final = {
    "eventname": "view.event_name",
    "operation": "Operation",
    "operationname": "Operation",
    "eventsource": "Workload",
    "workload": "Workload",
    "status": "view.outcome",
    "resultstatus": "ResultStatus",
    "userid": "UserId",
    "user": "UserId",
    "clientip": "view.ip",
    "useragent": "view.agent",
    "objectid": "ObjectId",
    "payload": "Parameters",
    "parameters": "Parameters",
    "modifiedproperties{}.name": "ModifiedProperties.Name",
    "modifiedproperties{}.newvalue": "ModifiedProperties.NewValue",
    "parameters.forwardto": "view.parameters.ForwardTo",
    "requesttype": "view.extended.RequestType",
    "user.email": "UserId",
}
_SSHD_NAMES: Final = {
    "user_name": "view.user",
    "username": "view.user",
    "user": "view.user",
    "client_ip": "view.ip",
    "src_ip": "view.ip",
    "sourceip": "view.ip",
    "host": "hostname",
    "deviceprocessname": "view.program",
    "program": "view.program",
}
_ENTITIES: Final = {
    "view.actor": "account",
    "view.ip": "address",
    "view.network": "network",
    "view.session": "session",
    "view.target_user": "account",
}

FORMATS: Final[dict[str, Source]] = {
    one.name: one
    for one in (
        Source(
            "cloudtrail",
            cloudtrail.read,
            cloudtrail.event,
            (("aws", None, "cloudtrail"), ("aws", None, None)),
            "aws",
            native=_CLOUDTRAIL,
            fields=_CLOUDTRAIL_NAMES,
            index=("eventName", "view.name"),
            steady=cloudtrail.STEADY,
            into=cloudtrail.looks_into,
            entities={**_ENTITIES, "view.actor": "principal", "view.instance": "instance"},
        ),
        Source(
            "ual",
            ual.read,
            ual.event,
            (("m365", None, None), ("office365", None, None), ("microsoft365", None, None)),
            "microsoft365",
            fields=_UAL_NAMES,
            wrappers=("o365.audit.",),
            index=("Operation", "view.name", "view.event_name"),
            entities=_ENTITIES,
        ),
        Source(
            "entra-signin",
            entra.read_sign_ins,
            entra.sign_in_event,
            # Entra ID Protection writes what it found at a sign-in into the sign-in as well.
            (("azure", None, "signinlogs"), ("azure", None, "riskdetection"), ("m365", "sign_in", None)),
            "microsoft365",
            native=_SIGN_IN,
            fields=_SIGN_IN_NAMES,
            wrappers=("properties.",),
            index=(
                "resourceDisplayName",
                "view.error",
                "view.risk",
                "view.protocol",
                "view.outcome",
                "status.errorCode",
            ),
            entities=_ENTITIES,
        ),
        Source(
            "entra-audit",
            entra.read_audits,
            entra.audit_event,
            (("azure", None, "auditlogs"), ("m365", "directory", None)),
            "microsoft365",
            native=_AUDIT,
            fields=_AUDIT_NAMES,
            wrappers=("properties.",),
            index=("activityDisplayName", "view.name"),
            entities=_ENTITIES,
        ),
        Source(
            "sshd",
            sshd.read,
            sshd.record_event,
            (("linux", None, "sshd"), ("linux", None, "auth")),
            "linux",
            native=frozenset({"message", "hostname", "line"}),
            fields=_SSHD_NAMES,
            entities={**_ENTITIES, "view.account": "account", "view.target": "host"},
        ),
    )
}
"""Format → source, under the names of the command line's ``--format``."""


def source(name: str) -> Source:
    """One format.

    Raises:
        InvalidInput: there is none of that name.
    """
    found = FORMATS.get(name)
    if found is None:
        raise InvalidInput(f"there is no format {name!r} (there are: {', '.join(FORMATS)})", place="--format")
    return found
