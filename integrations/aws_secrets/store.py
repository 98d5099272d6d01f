"""A secret store in AWS Secrets Manager.

In ``estate.yaml``::

    secret_stores:
      aws:
        vendor: aws_secrets
        settings:
          region: eu-central-1
          prefix: tenantry              # secrets are called tenantry/TENANT/NAME
          kms_key_id: alias/tenantry    # the account's own key for Secrets Manager when left out
        secrets:
          access_key_id: vault:_msp/aws/access-key-id
          secret_access_key: vault:_msp/aws/secret-access-key

Without ``secrets`` the machine's own role is used. Its policy needs, on ``arn:aws:secretsmanager:REGION:ACCOUNT:secret:tenantry/*``:
secretsmanager:CreateSecret, DeleteSecret, DescribeSecret, GetSecretValue, PutSecretValue, RestoreSecret, TagResource,
UpdateSecretVersionStage; and secretsmanager:ListSecrets on ``*``, which AWS cannot narrow.

Sources: docs.aws.amazon.com/secretsmanager/latest/apireference (PutSecretValue: a version's id is the ClientRequestToken, and a second
request with the same id and another value fails, which is the check-and-set here), /latest/userguide/reference_limits.html.

A secret with a recovery window can only be stored anew after it was restored, and is whole again at that moment. So a deletion first
stores an empty version with the label ``deleted``: what is older does not exist for us any more, restored or not. Whoever brings a
deleted value back on purpose restores the secret and moves ``AWSCURRENT`` back to it.

Known limits: a secret has at most 65,536 bytes. Seventeen versions are kept (staging labels, twenty for a secret, of which
three are the current one's, the previous one's and a deletion's). Single versions are not deleted, the service has no such call.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import boto3
import botocore.exceptions as aws
from botocore.config import Config
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretBytes

from integrations.address import plain_address
from tenantry.errors import (
    Conflict,
    InDoubt,
    InvalidInput,
    NotFound,
    PermissionMissing,
    Refused,
    Rejected,
    SecretUnreadable,
    SignInFailed,
    StoreUnavailable,
    TenantryError,
    VendorFault,
)
from tenantry.secretstore import (
    Deletion,
    Facts,
    Opened,
    SecretVersion,
    StoreCheck,
    absent,
    check_expected,
    seal_facts,
    unseal_facts,
    unwrap_value,
    wrap_value,
)

__all__ = ["STORE", "AwsSecretsSettings", "AwsSecretsStore"]

VENDOR: Final = "aws_secrets"
_LARGEST: Final = 65_536
_KEPT: Final = 17
_VERSION: Final = re.compile(r"tenantry-([0-9]{10})-[0-9a-f]{32}")
_GONE_WITHIN: Final = 20.0
"""Seconds to look for a deleted secret: deletion is carried out a while after it was accepted."""
_DELETED: Final = "deleted"
"""The label of the empty version that a deletion leaves."""
_TOMBSTONE: Final = json.dumps({"deleted": True})
_SCHEDULED: Final = "InvalidRequestException"
"""What reading a secret is answered with that is scheduled for deletion."""
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*$"

_SIGN_IN: Final = frozenset(
    {
        *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"),
        *("ExpiredTokenException", "ExpiredToken", "MissingAuthenticationTokenException", "IncompleteSignature"),
    }
)
_PERMISSION: Final = frozenset({"AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired"})
_AWAY: Final = frozenset(
    {
        *("InternalServiceError", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException"),
        *("ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "DecryptionFailure"),
    }
)


class AwsSecretsSettings(BaseModel):
    """The ``settings`` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(?:-[a-z]+)+-[0-9]$")] = Field(description="The region")
    prefix: Annotated[str, Field(pattern=_NAME)] = Field(
        "tenantry", description="Secrets are called PREFIX/TENANT/NAME"
    )
    kms_key_id: str | None = Field(None, description="The key that encrypts them; the account's own when left out")
    recovery_days: Annotated[int, Field(ge=7, le=30)] | None = Field(
        None, description="Days for which a deleted secret can be brought back; none: deleted for good"
    )
    endpoint_url: Annotated[str, AfterValidator(plain_address)] | None = Field(
        None, description="Instead of the service's own address"
    )


class AwsSecretsStore:
    """Implements :class:`~tenantry.secretstore.SecretStore`."""

    vendor = VENDOR
    keeps: int | None = _KEPT

    def __init__(
        self,
        name: str,
        settings: AwsSecretsSettings,
        secrets: Callable[[str], SecretBytes | None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._settings = settings
        self._secrets = secrets
        self._sleep = sleep
        self._lock = threading.Lock()
        self._made: Any = None

    # --- the contract -------------------------------------------------------------------------------------------------

    def put(self, tenant: str, name: str, value: bytes, facts: Facts, *, expect: int | None = None) -> SecretVersion:
        created = datetime.now(UTC)
        text = json.dumps(wrap_value(tenant, name, value, facts, created), ensure_ascii=False)
        if len(text.encode()) > _LARGEST:
            raise InvalidInput(
                f"{self.name} takes secrets of at most {_LARGEST} bytes, with what is said beside them", place="secret"
            )
        known = self._describe(tenant, name, deleted=True)
        newest = 0 if known is None or "DeletedDate" in known else max(_numbers(known), default=0)
        check_expected(tenant, name, newest, expect)
        if known is not None and "DeletedDate" in known:  # a value that is refused brings back nothing that was deleted
            self._call("restore_secret", SecretId=self._id(tenant, name))
        version = _next(known)
        tags = [{"Key": key, "Value": text} for key, text in seal_facts(facts, version).items()]
        token = _token(tenant, name, version)
        try:
            if known is None:
                key = {"KmsKeyId": self._settings.kms_key_id} if self._settings.kms_key_id else {}
                self._call(
                    "create_secret",
                    **{
                        "Name": self._id(tenant, name),
                        "ClientRequestToken": token,
                        "SecretString": text,
                        "Tags": tags,
                        **key,
                    },
                )
                self._label(tenant, name, token, version)
            else:
                self._make_room(tenant, name, known)
                self._call(
                    "put_secret_value",
                    SecretId=self._id(tenant, name),
                    ClientRequestToken=token,
                    SecretString=text,
                    VersionStages=["AWSCURRENT", f"v{version}"],
                )
                with contextlib.suppress(StoreUnavailable, InDoubt):  # stored it is; a list without these tags opens it
                    self._call("tag_resource", SecretId=self._id(tenant, name), Tags=tags)
        except _Exists as error:
            raise Conflict(f"{name} of {tenant} was changed by somebody else meanwhile") from error
        return SecretVersion.of(tenant, name, version, created, facts)

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        found, number, _ = self._read(tenant, name, version)
        return Opened(number, SecretBytes(found))

    def list(self, tenant: str) -> builtins.list[SecretVersion]:
        prefix = f"{self._settings.prefix}/{tenant}/"
        found = [
            self._newest(tenant, str(entry["Name"])[len(prefix) :], entry)
            for entry in self._all("list_secrets", "SecretList", Filters=[{"Key": "name", "Values": [prefix]}])
            if str(entry["Name"]).startswith(prefix) and "DeletedDate" not in entry and not _is_deleted(entry)
        ]
        return sorted(found, key=lambda version: version.name)

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        known = self._describe(tenant, name)
        if known is None or _is_deleted(known):
            return ()
        newest = self._newest(tenant, name, known)
        times = {
            entry["VersionId"]: entry["CreatedDate"]
            for entry in self._all("list_secret_version_ids", "Versions", SecretId=self._id(tenant, name))
        }
        found = [
            SecretVersion.of(tenant, name, number, times[token].astimezone(UTC), newest.facts)
            for token in known.get("VersionIdsToStages", {})
            if (number := _number(token)) > _floor(known) and token in times
        ]
        return tuple(sorted(found, key=lambda version: -version.version))

    def delete(self, tenant: str, name: str, version: int | None = None) -> Deletion:
        known = self._describe(tenant, name)
        if known is None:
            raise absent(tenant, name, store=self.name)
        if version is not None and set(_numbers(known)) != {version}:
            raise Refused(
                "AWS Secrets Manager does not delete single versions",
                remedy="Delete the whole secret, or store new versions until it drops the old one.",
            )
        gone, days = len(list(_numbers(known))), self._settings.recovery_days
        window = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        if days and not _is_deleted(known):
            self._entomb(tenant, name, known)
        self._call("delete_secret", SecretId=self._id(tenant, name), **window)
        if days:
            until = datetime.now(UTC) + timedelta(days=days)
            return Deletion(versions=gone, proven=False, recoverable_until=until, how="scheduled for deletion")
        waited = 0.0
        while (left := self._describe(tenant, name, deleted=True)) is not None and waited < _GONE_WITHIN:
            self._sleep(0.5)
            waited += 0.5
        return Deletion(
            versions=gone, proven=left is None, how="deleted without recovery; the service does not know it any more"
        )

    def check(self) -> StoreCheck:
        try:
            self._call("list_secrets", MaxResults=1)
        except TenantryError as error:
            return StoreCheck(ok=False, problems=(f"{error.message}. {error.remedy}",))
        return StoreCheck(ok=True, facts={"region": self._settings.region})

    def close(self) -> None:
        with self._lock:
            client, self._made = self._made, None
        if client is not None:
            client.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _id(self, tenant: str, name: str) -> str:
        return f"{self._settings.prefix}/{tenant}/{name}"

    def _label(self, tenant: str, name: str, token: str, version: int) -> None:
        """A version without a label of its own is thrown away by the service once it is neither current nor previous."""
        self._call(
            "update_secret_version_stage",
            **{"SecretId": self._id(tenant, name), "VersionStage": f"v{version}", "MoveToVersionId": token},
        )

    def _entomb(self, tenant: str, name: str, known: Any) -> None:
        """From here on nothing that was stored before is there, whoever restores the secret. Raises Conflict: somebody stored a version
        meanwhile, which was not looked at."""
        try:
            self._call(
                "put_secret_value",
                SecretId=self._id(tenant, name),
                ClientRequestToken=_token(tenant, name, _next(known)),
                SecretString=_TOMBSTONE,
                VersionStages=["AWSCURRENT", _DELETED],
            )
        except _Exists as error:
            raise Conflict(f"{name} of {tenant} was changed by somebody else meanwhile") from error

    def _make_room(self, tenant: str, name: str, known: Any) -> None:
        labelled, floor = sorted(_numbers(known)), _floor(known)
        before = [number for token in _stages(known) if 0 < (number := _number(token)) < floor]
        for number in [*before, *labelled[: max(0, len(labelled) - _KEPT + 1)]]:
            token = _token(tenant, name, number)
            if f"v{number}" in known["VersionIdsToStages"].get(token, ()):
                self._call(
                    "update_secret_version_stage",
                    **{"SecretId": self._id(tenant, name), "VersionStage": f"v{number}", "RemoveFromVersionId": token},
                )

    def _newest(self, tenant: str, name: str, entry: Any) -> SecretVersion:
        number = max((_number(token) for token in _stages(entry)), default=0)
        tagged = unseal_facts({tag["Key"]: tag["Value"] for tag in entry.get("Tags", ())})
        if tagged is None or tagged[0] != number:  # killed between the value and its tags
            _, number, facts = self._read(tenant, name, None)
        else:
            facts = tagged[1]
        at = entry.get("LastChangedDate") or entry["CreatedDate"]
        return SecretVersion.of(tenant, name, number, at.astimezone(UTC), facts)

    def _describe(self, tenant: str, name: str, *, deleted: bool = False) -> Any:
        try:
            found = self._call("describe_secret", SecretId=self._id(tenant, name))
        except NotFound:
            return None
        return None if "DeletedDate" in found and not deleted else found

    def _read(self, tenant: str, name: str, version: int | None) -> tuple[bytes, int, Facts]:
        which = {"VersionStage": "AWSCURRENT"} if version is None else {"VersionId": _token(tenant, name, version)}
        known = self._describe(tenant, name) if version is not None else None
        if version is not None and known is not None and version <= _floor(known):
            raise absent(tenant, name, version, self.name)
        try:
            found = self._call("get_secret_value", SecretId=self._id(tenant, name), **which)
        except NotFound:
            raise absent(tenant, name, version, self.name) from None
        except Rejected as error:
            if error.detail.get("vendor_code") == _SCHEDULED and self._describe(tenant, name) is None:
                raise absent(tenant, name, version, self.name) from None
            raise
        if _DELETED in found.get("VersionStages", ()):
            raise absent(tenant, name, version, self.name)
        number = _number(found["VersionId"])
        held: Any = None
        with contextlib.suppress(ValueError, KeyError):
            held = json.loads(found["SecretString"])
        if not number or (version is not None and number != version):
            raise SecretUnreadable(f"what the store holds as {name} of {tenant} was not stored by Tenantry")
        value, facts = unwrap_value(tenant, name, held)
        return value, number, facts

    def _all(self, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        more: dict[str, Any] = {}
        while True:
            page = self._call(operation, **parameters, **more)
            yield from page[key]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                key, secret = self._secrets("access_key_id"), self._secrets("secret_access_key")
                own = (
                    {"aws_access_key_id": _text(key), "aws_secret_access_key": _text(secret)}
                    if key is not None and secret is not None
                    else {}
                )
                settings = Config(
                    connect_timeout=5,
                    read_timeout=10,
                    retries={"total_max_attempts": 3, "mode": "standard"},
                    parameter_validation=True,
                )
                self._made = boto3.session.Session().client(
                    "secretsmanager",
                    **{
                        "region_name": self._settings.region,
                        "endpoint_url": self._settings.endpoint_url,
                        "config": settings,
                    },
                    **own,
                )
            return self._made

    def _call(self, operation: str, **parameters: Any) -> Any:
        write = not operation.startswith(("get_", "list_", "describe_"))
        try:
            return getattr(self._client(), operation)(**parameters)
        except aws.ClientError as error:
            problem = self._meaning(error, operation)
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError):
            problem = SignInFailed(
                f"the secret store {self.name} has no credential", remedy="Store one and name it under secrets."
            )
        except (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.SSLError, aws.ProxyConnectionError) as error:
            problem = self._away(f"{operation}: no connection ({type(error).__name__})")
        except aws.ParamValidationError:
            problem = InvalidInput(
                f"the secret store {self.name} does not take what {operation} was given", place="secret"
            )
        except aws.HTTPClientError as error:
            said = f"{operation}: no answer ({type(error).__name__})"
            # Every write names its version or state, so that repeating it is harmless; whether it was done is not known.
            problem = InDoubt(f"the secret store {self.name}: {said}") if write else self._away(said)
        except aws.BotoCoreError as error:
            problem = VendorFault(f"the secret store {self.name}: {operation} failed ({type(error).__name__})")
        raise problem

    def _meaning(self, error: Any, operation: str) -> TenantryError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        request = str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
        detail: dict[str, Any] = {"vendor_code": code, "status": status, "request_id": request}
        if code == "ResourceNotFoundException":
            return NotFound(f"the secret store {self.name} has no such secret", **detail)
        if code == "ResourceExistsException":
            return _Exists(f"the secret store {self.name} has this version already", **detail)
        if code in _SIGN_IN:
            return SignInFailed(
                f"the secret store {self.name} refuses our credential",
                remedy="Store its present key with `tenantry vault put --tenant _msp`.",
                **detail,
            )
        if code in _PERMISSION:
            return PermissionMissing(f"the secret store {self.name} does not let us do {operation}", **detail)
        if code in _AWAY or status >= 500:
            return self._away(f"{operation}: {code or status}", **detail)
        return Rejected(f"{operation} was refused by the secret store {self.name} ({code or status})", **detail)

    def _away(self, what: str, **detail: Any) -> StoreUnavailable:
        return StoreUnavailable(f"the secret store {self.name} cannot be used: {what}", **detail)


class _Exists(Conflict):
    """A signal inside this module."""


class _Vendor:
    """The kind of store, for the assembly."""

    vendor = VENDOR
    Settings = AwsSecretsSettings
    secrets = ("access_key_id", "secret_access_key")

    def open(self, name: str, settings: Any, secrets: Callable[[str], SecretBytes | None]) -> AwsSecretsStore:
        return AwsSecretsStore(name, AwsSecretsSettings.model_validate(settings), secrets)


STORE: Final = _Vendor()


def _token(tenant: str, name: str, version: int) -> str:
    """The id of a version: the same for whoever would store it, so that only one can."""
    digest = hashlib.sha256(f"{tenant}\0{name}\0{version}".encode()).hexdigest()[:32]
    return f"tenantry-{version:010d}-{digest}"


def _number(token: str) -> int:
    found = _VERSION.fullmatch(token)
    return int(found[1]) if found else 0


def _stages(known: Any) -> dict[str, list[str]]:
    """A version's id → its labels; a list calls them otherwise than a description."""
    found: dict[str, list[str]] = known.get("VersionIdsToStages") or known.get("SecretVersionsToStages") or {}
    return found


def _floor(known: Any) -> int:
    """The number of the last deletion; what is not newer was deleted."""
    return max((_number(token) for token, labels in _stages(known).items() if _DELETED in labels), default=0)


def _is_deleted(known: Any) -> bool:
    """Nothing was stored since the last deletion."""
    return any(_DELETED in labels and "AWSCURRENT" in labels for labels in _stages(known).values())


def _next(known: Any) -> int:
    """The number of the next version, or deletion."""
    return max((_number(token) for token in _stages(known or {})), default=0) + 1


def _numbers(known: Any) -> Iterator[int]:
    """Versions that are there."""
    floor = _floor(known)
    for token in _stages(known):
        if (number := _number(token)) > floor:
            yield number


def _text(value: SecretBytes) -> str:
    return value.get_secret_value().decode().strip()
