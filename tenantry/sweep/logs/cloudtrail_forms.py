"""The forms in which CloudTrail's events come besides CloudTrail's own files. Each is undone here, so that a reader sees events alone.

===============================  =====================================================================================
EventBridge                      the event stands in ``detail``, an envelope around each
CloudWatch Logs, subscription    ``logEvents``, each with the event's text in ``message``; also what ``filter-log-events`` gives
CloudWatch Logs, export to S3    a line each, the time before the event
CloudWatch Logs Insights         ``@message``, as JSON or CSV
``LookupEvents``                 the event's text in ``CloudTrailEvent``
CloudTrail Lake, CSV             a row each; ``eventJson`` where it was asked for, else columns with rows and maps in Trino's own text
Athena, CSV                      a row each; names in small letters, ``useridentity`` in Trino's text, parameters as JSON
===============================  =====================================================================================

docs.aws.amazon.com: eventbridge/latest/ref/overiew-event-structure.html, AmazonCloudWatch/latest/logs/SubscriptionFilters.html,
AmazonCloudWatch/latest/logs/S3Export.html, awscloudtrail/latest/userguide/view-download-cloudtrail-lake-query-results.html,
athena/latest/ug/cloudtrail-logs.html.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.sweep.logs.csvrows import rows
from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.logs.jsonrecords import records
from tenantry.sweep.logs.values import as_list, parsed

__all__ = ["events", "trino"]

_STAMPED: Final = re.compile(r"\s*\d{4}-\d\d-\d\d[T ][\d:.]+Z?\s+(?=\{)")
_HEADER: Final = re.compile(r'\s*(?:"?@?\w+"?,)*"?(?:eventjson|eventname|@message)"?\s*(?:,|\n|\Z)', re.IGNORECASE)
_TEXTS: Final = ("CloudTrailEvent", "message", "@message")
"""Under which names an event's own text stands."""
_INSIGHT: Final = "AwsCloudTrailInsight"

_NAMES: Final = {
    name.lower(): name
    for name in (
        "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode",
        "errorMessage", "requestParameters", "responseElements", "additionalEventData", "requestID", "eventID", "readOnly", "resources",
        "eventType", "apiVersion", "managementEvent", "recipientAccountId", "sharedEventID", "vpcEndpointId", "serviceEventDetails",
        "eventCategory", "tlsDetails", "sessionCredentialFromConsole", "eventJson",
        "type", "principalId", "arn", "accountId", "accessKeyId", "userName", "sessionContext", "attributes", "mfaAuthenticated", "creationDate",
        "sessionIssuer", "invokedBy", "webIdFederationData", "federatedProvider", "identityProvider", "ec2RoleDelivery", "onBehalfOf", "userId",
        "identityStoreArn", "sourceIdentity", "credentialId", "inScopeOf", "issuerType", "credentialsIssuedTo",
        "tlsVersion", "cipherSuite", "clientProvidedHostHeader",
    )
}  # fmt: skip
"""Names that tables have in small letters → as events have them."""
_NESTED: Final = ("userIdentity", "requestParameters", "responseElements", "additionalEventData", "resources", "tlsDetails", "serviceEventDetails")  # fmt: skip
_DEEPEST: Final = 20


def events(stream: TextStream, intake: Intake) -> Iterator[tuple[int, Any]]:
    """Each event with the number of its record in the file; what is in none of these forms comes as it is."""
    head = stream.read()
    pieces = [head] if head else []
    whole = TextStream(stream.name, lambda: pieces.pop() if pieces else stream.read())
    begins = head[:4096].lstrip("\ufeff")
    if _STAMPED.match(begins):
        whole = _without_stamps(whole)
    elif _HEADER.match(begins):
        for number, row in rows(whole, intake):
            yield number, _of_row(row)
        return
    for number, record in records(whole, intake):
        if "eventName" in record:
            yield number, record
        else:
            for one in _unwrapped(record):
                yield number, one


def _without_stamps(stream: TextStream) -> TextStream:
    lines = stream.lines()

    def read() -> str:
        # Many lines at once: a piece of text is what readers are quick with.
        return "".join(f"{_STAMPED.sub('', line, count=1)}\n" for line in itertools.islice(lines, 200))

    return TextStream(stream.name, read)


def _unwrapped(record: Mapping[str, Any]) -> Iterator[Any]:
    """The events in an envelope; the record itself where it is none."""
    if record.get("eventType") == _INSIGHT:
        return  # numbers about calls, not calls
    if record.get("messageType") == "CONTROL_MESSAGE":
        return  # a subscription's own trial
    inside = record.get("logEvents")
    if isinstance(inside, list):
        for one in inside:
            yield from _unwrapped(one) if isinstance(one, Mapping) else (one,)
        return
    detail = record.get("detail")
    if isinstance(detail, Mapping) and "detail-type" in record:
        yield detail
        return
    for name in _TEXTS:
        if name in record:
            found = parsed(record[name])
            yield from _unwrapped(found) if isinstance(found, Mapping) and "eventName" not in found else (found,)
            return
    yield record


def _of_row(row: Mapping[str, str]) -> Any:
    """The event of a table's row."""
    named = {_NAMES.get(name.lower(), name): value for name, value in row.items()}
    for name in ("eventJson", "@message"):
        if named.get(name):
            return parsed(_STAMPED.sub("", named[name], count=1))
    found: dict[str, Any] = {name: value for name, value in named.items() if value not in ("", "null")}
    for name in _NESTED:
        if name in found:
            found[name] = trino(found[name])
    found["userIdentity"] = _renamed(found.get("userIdentity"))
    for name in ("readOnly", "managementEvent"):
        if name in found:
            found[name] = found[name].lower() == "true"
    return found


def _renamed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_NAMES.get(key.lower(), key): _renamed(one) for key, one in value.items() if one is not None}
    return [_renamed(one) for one in as_list(value)] if isinstance(value, list) else value


# --- Trino's text -----------------------------------------------------------------------------------------------------

_KEY: Final = re.compile(r"\s*([\w.:/-]+)=")
_ENDS: Final = re.compile(r", [\w.:/-]+=|[}\]]")
_DECODER: Final = json.JSONDecoder(strict=False)


def trino(text: str) -> Any:
    """What a row, map or array holds that was written as text: ``{type=IAMUser, attributes={mfaauthenticated=false}}``, JSON in it or
    instead of it too. Texts are not quoted there, so one that holds ``, name=`` is cut; nothing else can be told. The text itself where it
    is nothing of this kind.
    """
    whole = parsed(text)
    if not isinstance(whole, str) or whole[:1] not in ("{", "["):
        return whole
    try:
        found, end = _value(whole, 0, 0)
    except (ValueError, RecursionError):
        return text
    return found if not whole[end:].strip() else text


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    first = text[at : at + 1]
    if first and first in "{[":
        try:
            return _DECODER.raw_decode(text, at)
        except ValueError:
            return _row(text, at + 1, depth) if first == "{" else _array(text, at + 1, depth)
    end = _ENDS.search(text, at)
    stop = end.start() if end else len(text)
    plain = text[at:stop]
    return {"null": None, "true": True, "false": False}.get(plain, plain), stop


def _row(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while text[at : at + 1] != "}":
        key = _KEY.match(text, at)
        if key is None:
            raise ValueError("no name")
        found[key[1]], at = _value(text, key.end(), depth + 1)
        at += 1 if text[at : at + 1] == "," else 0
        if at >= len(text):
            raise ValueError("cut off")
    return found, at + 1


def _array(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while text[at : at + 1] != "]":
        at += len(text) - at - len(text[at:].lstrip(" "))
        if text[at : at + 1] in ("{", "["):
            one, at = _value(text, at, depth + 1)
        else:
            end = min((stop for stop in (text.find(",", at), text.find("]", at)) if stop >= 0), default=len(text))
            one, at = text[at:end], end
        found.append(one)
        at += 1 if text[at : at + 1] == "," else 0
        if at >= len(text):
            raise ValueError("cut off")
    return found, at + 1
