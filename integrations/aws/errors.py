"""What botocore's exceptions and AWS's error codes mean: mapped here, at the edge, and nowhere else.

::

    what happened                                   read             write
    no connection, nothing sent                     Unreachable *    Unreachable *
    throttled, by code or status 429                Throttled *      Throttled *
    timeout or broken off after sending, 5xx,       VendorFault *    InDoubt
      an answer that cannot be parsed
    token expired or unknown                        renewed once, then SignInFailed
    not allowed                                     PermissionMissing
    not there                                       TargetNotFound
    any other refusal                               Rejected

    * raised only after the repetitions are used up

Codes: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, …/AWSEC2/latest/APIReference/errors-overview.html,
…/AmazonS3/latest/API/ErrorResponses.html. No message of the vendor's gets into an error of ours: it may quote what was sent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

import botocore.exceptions as boto
from botocore.parsers import ResponseParserError

from tenantry.errors import (
    InDoubt,
    PermissionMissing,
    Rejected,
    SignInFailed,
    TargetNotFound,
    TenantryError,
    Throttled,
    Unreachable,
    VendorFault,
)

__all__ = ["EXPIRED", "FATES", "Fate", "code_of", "fate_of", "mapped"]

VENDOR: Final = "aws"


class Fate(enum.Enum):
    """What an exception says about the request."""

    UNSENT = "nothing was sent"
    UNKNOWN = "it may have been sent and done"
    SIGN_IN = "there is no credential to sign it with"
    UNUSABLE = "the request itself cannot be sent, now or later"
    ANSWERED = "the vendor answered; its code says what"


THROTTLED: Final = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled"),
        *("TooManyRequestsException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"),
        *("BandwidthLimitExceeded", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException"),
    }
)
"""As botocore's own retries have them (botocore/retries/standard.py), without ``LimitExceededException``, which several services use for
a quota, and waiting does not help there."""
EXPIRED: Final = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidClientTokenId"),
        *("UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure"),
    }
)
"""The session's key is not accepted (any more): another may be."""
_SIGN_IN: Final = frozenset(
    {
        *(
            "SignatureDoesNotMatch",
            "MissingAuthenticationToken",
            "IncompleteSignature",
            "MissingAuthenticationTokenException",
        ),
        *("InvalidSignatureException", "RequestTimeTooSkewed", "IncompleteSignatureException"),
    }
)
_DENIED: Final = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "AllAccessDisabled"),
        *("AuthorizationError", "AuthorizationErrorException", "OptInRequired", "SubscriptionRequiredException"),
        *("NotAuthorized", "UnauthorizedException", "InvalidAccessException"),
    }
)
_NOT_FOUND: Final = frozenset({"NoSuchEntity", "ReplicationConfigurationNotFoundError"})

FATES: Final[Mapping[str, Fate]] = {
    **dict.fromkeys(("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"), Fate.UNSENT),
    **dict.fromkeys(
        (
            *(
                "HTTPClientError",
                "ConnectionError",
                "ConnectionClosedError",
                "ReadTimeoutError",
                "ResponseStreamingError",
            ),
            *("IncompleteReadError", "SSLError", "ChecksumError", "FlexibleChecksumError", "AwsChunkedWrapperError"),
            *("MetadataRetrievalError", "EndpointDiscoveryException"),
        ),
        Fate.UNKNOWN,
    ),
    **dict.fromkeys(
        (
            *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "UnknownCredentialError"),
            *("RefreshWithMFAUnsupportedError", "NoAuthTokenError", "TokenRetrievalError", "UnknownTokenProviderError"),
            *("SSOError", "LoginError"),
        ),
        Fate.SIGN_IN,
    ),
    **dict.fromkeys(
        (
            *(
                "AliasConflictParameterError",
                "ApiVersionNotFoundError",
                "BaseEndpointResolverError",
                "CapacityNotAvailableError",
            ),
            *(
                "ConfigNotFound",
                "ConfigParseError",
                "DataNotFoundError",
                "EndpointProviderError",
                "EndpointVariantError",
            ),
            *("InvalidChecksumConfigError", "InvalidConfigError", "InvalidDNSNameError", "InvalidDefaultsMode"),
            *(
                "InvalidEndpointConfigurationError",
                "InvalidEndpointDiscoveryConfigurationError",
                "InvalidExpressionError",
            ),
            *(
                "InvalidHostLabelError",
                "InvalidIMDSEndpointError",
                "InvalidIMDSEndpointModeError",
                "InvalidProxiesConfigError",
            ),
            *(
                "InvalidRetryConfigurationError",
                "InvalidS3AddressingStyleError",
                "InvalidS3UsEast1RegionalEndpointConfigError",
            ),
            *("InvalidSTSRegionalEndpointsConfigError", "MD5UnavailableError", "MissingDependencyException"),
            *("MissingParametersError", "OperationNotPageableError", "PaginationError", "ParamValidationError"),
            *("ProfileNotFound", "ServiceNotInRegionError", "StubResponseError", "UnknownClientMethodError"),
            *("UnknownRegionError", "UnknownServiceStyle", "UnknownSignatureVersionError", "UnseekableStreamError"),
            *("UnsupportedOutpostResourceError", "UnsupportedS3AccesspointConfigurationError", "UnsupportedS3ArnError"),
            *(
                "UnsupportedS3ConfigurationError",
                "UnsupportedS3ControlArnError",
                "UnsupportedS3ControlConfigurationError",
            ),
            *("UnsupportedServiceProtocolsError", "UnsupportedSignatureVersionError", "ValidationError"),
            *("WaiterConfigError", "WaiterError"),
        ),
        Fate.UNUSABLE,
    ),
    "ClientError": Fate.ANSWERED,
}
"""Exceptions of botocore by the name of their class; one that is not here takes its fate from the class above it. A test walks the whole of
botocore and fails on a class that would be nobody's."""


def fate_of(error: BaseException) -> Fate | None:
    """What an exception says about the request; None: it is not one of botocore's, nor of the network."""
    if isinstance(error, (ResponseParserError, OSError)):
        return Fate.UNKNOWN
    for kind in type(error).__mro__:
        if kind.__name__ in FATES and kind.__module__.startswith("botocore"):
            return FATES[kind.__name__]
    # One that a later botocore brings: after sending, for all we know.
    return Fate.UNKNOWN if isinstance(error, boto.BotoCoreError) else None


def code_of(error: BaseException) -> str:
    """AWS's error code; empty where the vendor did not answer."""
    return str(_error(error).get("Code", "")) if isinstance(error, boto.ClientError) else ""


def _error(error: boto.ClientError) -> Mapping[str, Any]:
    found = error.response.get("Error")
    return found if isinstance(found, Mapping) else {}


def mapped(error: BaseException, what: str, *, write: bool) -> TenantryError | None:
    """The error of our tree for one of botocore's; None: it is none of botocore's.

    Args:
        what: service and operation, ``iam.UpdateAccessKey``.
        write: it was to change something.
    """
    if isinstance(error, TenantryError):
        return error
    fate = fate_of(error)
    kind = type(error).__name__
    if fate is None:
        return None
    if fate is Fate.UNSENT:
        return Unreachable(f"{what}: AWS could not be reached", vendor=VENDOR, kind=kind)
    if fate is Fate.UNKNOWN:
        if write:
            return InDoubt(f"{what} was sent and its answer never came", vendor=VENDOR, kind=kind)
        return VendorFault(f"{what}: the answer broke off or made no sense", vendor=VENDOR, kind=kind)
    if fate is Fate.SIGN_IN:
        return SignInFailed(f"{what}: there is no credential for AWS", vendor=VENDOR, kind=kind)
    if fate is Fate.UNUSABLE or not isinstance(error, boto.ClientError):
        return Rejected(f"{what} cannot be sent as it is", vendor=VENDOR, kind=kind)
    return _answered(error, what, write=write)


def _answered(error: boto.ClientError, what: str, *, write: bool) -> TenantryError:
    code = code_of(error)
    about = error.response.get("ResponseMetadata") or {}
    status = about.get("HTTPStatusCode") or 0
    headers = about.get("HTTPHeaders") or {}
    facts: dict[str, Any] = {"vendor": VENDOR, "status": status, "vendor_code": code}
    request_id = about.get("RequestId") or headers.get("x-amzn-requestid")
    if request_id:
        facts["request_id"] = str(request_id)
    # Where there is no AWS in the answer (a proxy's page, nothing at all) botocore puts the status in the place of a code.
    senseless = not code or code.isdigit() or code == "Unknown"
    if code in THROTTLED or status == 429:
        return Throttled(f"{what} was throttled", retry_after=_retry_after(headers), **facts)
    if status >= 500 or (senseless and not _plain_head(what, code)):
        if write and status >= 500:
            return InDoubt(f"{what} was answered with {status}: whether it was done is not known", **facts)
        if write:
            return Rejected(f"{what} was answered with {status} and nothing of AWS's in it", **facts)
        return VendorFault(f"{what} was answered with {status}", **facts)
    if code in EXPIRED or code in _SIGN_IN:
        return SignInFailed(f"{what}: AWS does not accept the session ({code})", **facts)
    if code in _DENIED or (status == 403 and code not in _NOT_FOUND):
        return PermissionMissing(
            f"{what} is not allowed",
            remedy="Allow this action in the role's policy; `tenantry tenants check T` lists what each runbook needs.",
            **facts,
        )
    if code in _NOT_FOUND or "NotFound" in code or code.startswith("NoSuch") or status == 404:
        return TargetNotFound(f"{what}: what it is about does not exist ({code})", **facts)
    return Rejected(f"{what} was refused ({code})", **facts)


def _plain_head(what: str, code: str) -> bool:
    """Answers to HEAD have no body, so for S3 the status is all there is."""
    return code == "404" and what in ("s3.HeadObject", "s3.HeadBucket")


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    try:
        return max(0.0, float(str(headers.get("retry-after", ""))))
    except ValueError:
        return None
