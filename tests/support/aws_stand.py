"""AWS to test against: moto behind a WSGI door of our own, in a thread of the test process, one for each process of the tests.

Which call runs on what
    moto            everything that is not named below: IAM, STS, EC2, S3, S3 Control, KMS, Route 53, RDS, CloudTrail's trails, detectors,
                    Security Hub's list
    stand-in        (``aws_gaps.py``, strict, of our own) what moto has not: ``cloudtrail.LookupEvents``, ``s3.GetObjectRetention``, ``iam.SimulatePrincipalPolicy``,
                    ``ec2.LockSnapshot`` and ``DescribeLockedSnapshots`` (and the refusal to delete a locked one), GuardDuty's findings,
                    Security Hub's ``BatchUpdateFindings``, the jobs, recovery points and vault policies of AWS Backup; and the external id of a role,
                    which moto takes without looking, a trust policy that denies everybody, and the checksums of an upload in parts (``aws_uploads.py``)
    neither         that traffic really stops when a security group is swapped, that a COMPLIANCE retention cannot be shortened (moto lets
                    it), that an inactive key is refused (moto's own enforcement still takes it), and how long IAM takes to be consistent:
                    these are Amazon's word.

Faults are scripted in front: :meth:`AwsStand.fault`. What a role may do is enforced where a test asks for it (:meth:`Account.grant`): by moto's
own switch for IAM, STS, EC2 and RDS; for the others moto's evaluation of policies is asked here, because moto refuses in a form that
their clients cannot read, and calls some actions of S3 otherwise than AWS does. It knows neither conditions nor most resources.
"""

from __future__ import annotations

import functools
import io
import json
import re
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import boto3
import botocore.session
import pyotp
from moto import settings as moto_settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.ec2.models import ec2_backends
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends
from moto.s3.models import FakeBucket
from moto.server import DomainDispatcherApplication, create_backend_app
from pydantic import SecretBytes
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from integrations.aws.actions import action_of
from integrations.aws.caller import Limits
from integrations.aws.provider import PROVIDER, AwsHandle
from tenantry.errors import InvalidTenant
from tenantry.providers import Estate
from tests.support.aws_gaps import Gap, Gaps, Reply
from tests.support.aws_uploads import Uploads

PREPARING = "Preparation"
MOTOS = ("iam", "sts", "ec2", "rds")
"""Services whose permissions moto enforces as AWS does."""
HUB_KEY, HUB_SECRET = "AKIAHUBHUBHUBHUBHUB0", "canary-hub-secret-5f1e"
REGIONS = ("eu-central-1", "us-east-1")
ELSEWHERE = "ap-southeast-1"
"""A region that is enabled, and not in the tenant's file. Accounts have these three enabled, where moto's have all there are."""
_ENABLED = (*REGIONS, ELSEWHERE)
_ITEMS = "".join(f"<item><regionName>{name}</regionName></item>" for name in _ENABLED)
_REGIONS_ANSWER = Reply(
    200,
    '<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    f"<regionInfo>{_ITEMS}</regionInfo></DescribeRegionsResponse>".encode(),
)
_INCOMPLETE = Reply(400, b"", length=0)
"""To a caller that died while it wrote: AWS carries out no request whose body is not whole."""
QUICK = Limits(concurrency=8, timeout=60, connect_timeout=30, attempts=3, budget=60, first_wait=0.01, longest_wait=0.05)
_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came: what it was, and whose."""

    service: str
    operation: str
    """As AWS writes it for query and JSON services; method and path for the others."""
    access_key: str
    account: str


@dataclass(slots=True)
class Fault:
    """What happens to the next requests of a kind.

    Attributes:
        reply: what is answered; None: the connection ends without a word.
        after: the request is carried out first.
        times: how often.
    """

    service: str
    operation: str
    reply: Reply | None
    after: bool = False
    times: int = 1
    cut: bool = False
    """The true answer is cut in half, with the length of the whole."""


class _Dispatcher(DomainDispatcherApplication):
    """moto's, which looks through its own folder at every request: a host's service is looked for once."""

    def __init__(self, create: Callable[..., Any]) -> None:
        super().__init__(create)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


class _Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args: Any) -> None:
        """Nothing: tests read what they need from the stand."""


@dataclass
class AwsStand:
    """Everything a test may want to touch."""

    gaps: Gaps = field(default_factory=Gaps)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    roles: dict[str, str | None] = field(default_factory=dict)
    """Resource name of a role → the external id that its trust policy demands; None: it demands none."""
    strict: bool = False
    """Keys that are inactive or not there (any more) are refused, as by AWS and not by moto."""
    clock: Callable[[], float] = time.time
    """By which codes of second factors are good, while ``strict``."""
    base_url: str = ""
    enforced: dict[str, str] = field(default_factory=dict)
    """Account → role whose sessions may do only what its policies allow."""
    watch: Callable[[Call], None] | None = None
    """Told of each request before it is answered."""

    def __post_init__(self) -> None:
        self._moto = _Dispatcher(create_backend_app)
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Silent)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="aws-stand")
        self._thread.start()
        self._uploads = Uploads()
        self._codes: set[tuple[str, str]] = set()
        self._users: dict[str, str] = {}
        self._sessions: dict[str, tuple[str, str]] = {}
        """Key of a session → account and role."""
        self._enforcing = threading.Lock()
        """moto's switch is one for the whole process."""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # --- for tests ----------------------------------------------------------------------------------------------------

    def new_account(self, role: str = "TenantryResponse", external_id: str | None = None) -> Account:
        """An account that nothing was ever done in."""
        number = f"{uuid.uuid4().int % 10**12:012d}"
        external = external_id or f"tn-{uuid.uuid4().hex[:12]}"
        self.roles[f"arn:aws:iam::{number}:role/{role}"] = external
        self.roles[f"arn:aws:iam::{number}:role/{PREPARING}"] = None
        made = Account(self, number, role, external)
        made.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": []}))
        for region in _ENABLED:  # moto shows everybody the snapshot behind the vendor's image as their own
            ec2_backends[number][region].snapshots.clear()
        return made

    def fault(self, service: str, operation: str, reply: Reply | None, **more: Any) -> Fault:
        """The next request of that service and operation is answered with this."""
        made = Fault(service, operation, reply, **more)
        self.faults.append(made)
        return made

    def made(self, account: str | None = None) -> Counter[tuple[str, str]]:
        """Requests by service and operation, of one account or of all."""
        return Counter((c.service, c.operation) for c in self.calls if account in (None, c.account))

    def forget(self) -> None:
        """Calls and faults so far, and what is enforced."""
        self.calls.clear()
        self.faults.clear()
        self.enforced.clear()
        self.watch = None

    # --- WSGI ---------------------------------------------------------------------------------------------------------

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        if len(body) < length:
            return self._send(_INCOMPLETE, environ, start)
        environ["wsgi.input"] = io.BytesIO(body)
        self._as_user(environ)
        key, region, service = _signed(environ)
        operation = _operation(environ, body)
        account = self._account(key)
        call = Call(service, operation, key, account)
        self.calls.append(call)
        if self.watch is not None:
            self.watch(call)
        fault = self._fault(service, operation)
        if fault is not None and not fault.after and not fault.cut:
            return self._send(fault.reply, environ, start)
        if self._refused(service, operation, key, environ):
            return self._send(_denied(service), environ, start)
        reply = self._gap(service, operation, account, region, environ, body)
        if reply is None:
            if fault is None and not _retention(environ) and not _of_upload(environ):
                answer = self._motos(environ, start)
                if operation == "AssumeRole":
                    self._learn(b"".join(answer), body)
                return answer
            reply = self._through_moto(environ)
        if fault is not None and fault.after:
            return self._send(fault.reply, environ, start)
        if fault is not None and fault.cut:
            reply = Reply(reply.status, reply.body[: len(reply.body) // 2], reply.content_type, length=len(reply.body))
        return self._send(reply, environ, start)

    def _refused(self, service: str, operation: str, key: str, environ: dict[str, Any]) -> bool:
        """Whether the policies of a role do not have what this asks for; what moto answers and enforces itself is left to it."""
        account, role = self._sessions.get(key, ("hub", ""))
        if self.enforced.get(account) != role or (service in MOTOS and self.gaps.find(service, operation) is None):
            return False
        return not all(_allowed(account, role, one) for one in action_of(service, _named(service, operation, environ)))

    def _motos(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        _asked.environ = environ
        key = _signed(environ)[0]
        account, role = self._sessions.get(key, ("hub", ""))
        with self._enforcing:
            if self.enforced.get(account) == role and _signed(environ)[2] in MOTOS:
                moto_settings.INITIAL_NO_AUTH_ACTION_COUNT, ActionAuthenticatorMixin.request_count = 0, 0
            try:
                return list(self._moto(environ, start))
            finally:
                moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")

    def _through_moto(self, environ: dict[str, Any]) -> Reply:
        seen: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            seen["status"] = int(status.split()[0])
            seen.update({name.lower(): value for name, value in headers})
            seen["type"] = next((value for name, value in headers if name.lower() == "content-type"), "text/xml")

        body = b"".join(self._motos(environ, start))
        if _retention(environ) and seen["status"] == 200:
            # moto keeps the retention and cannot be asked for it: it gives the object itself, with the retention in the headers.
            mode, until = (seen.get(f"x-amz-object-lock-{name}") for name in ("mode", "retain-until-date"))
            if not mode:
                return Reply(404, b"<Error><Code>NoSuchObjectLockConfiguration</Code></Error>")
            text = f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
            return Reply(200, text.encode())
        if _of_upload(environ):
            body = self._uploads.told(environ, body)
        headers = tuple((name, seen[name.lower()]) for name in ("ETag",) if name.lower() in seen)
        return Reply(seen["status"], body, seen["type"], headers=headers)

    def _send(self, reply: Reply | None, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if reply is None:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionError("cut on purpose")
        headers = [
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body) if reply.length is None else reply.length)),
            *reply.headers,
            *([("Connection", "close")] if reply.length is not None else []),
        ]
        start(f"{reply.status} X", headers)
        return [reply.body]

    def _fault(self, service: str, operation: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.service == service and re.search(fault.operation, operation):
                fault.times -= 1
                return fault
        return None

    def _gap(
        self, service: str, operation: str, account: str, region: str, environ: dict[str, Any], body: bytes
    ) -> Reply | None:
        if self.strict and self._dead_key(environ):
            return Reply.query_error(403, "InvalidClientTokenId")
        if self.strict and operation == "GetSessionToken":
            return self._session_of(environ) if self._second_factor(body) else Reply.query_error(403, "AccessDenied")
        if service == "ec2" and operation == "DescribeRegions":
            return _REGIONS_ANSWER
        if service == "sts" and operation == "AssumeRole":
            params = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            wanted = self.roles.get(params.get("RoleArn", ""), "?")
            if (wanted is not None and params.get("ExternalId") != wanted) or _trusts_nobody(params.get("RoleArn", "")):
                return Reply.query_error(403, "AccessDenied")
            return None
        if service == "s3" and _of_upload(environ):
            return self._uploads.refusal(environ, body)
        gap: Gap | None = self.gaps.find(service, operation)
        if gap is None:
            return None
        return gap(account, region, environ, body)

    def _session_of(self, environ: dict[str, Any]) -> Reply:
        """A session of the user whose key asked; moto's is nobody's."""
        id = f"ASIA{uuid.uuid4().hex[:16].upper()}"
        self._users[id] = _signed(environ)[0]
        keys = f"<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        text = f"<Credentials>{keys}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        name = "GetSessionToken"
        return Reply(200, f"<{name}Response><{name}Result>{text}</{name}Result></{name}Response>".encode())

    def _as_user(self, environ: dict[str, Any]) -> None:
        """A request of such a session is carried out as the key's that it was begun with."""
        user = self._users.get(_signed(environ)[0])
        if user is not None:
            header = environ["HTTP_AUTHORIZATION"]
            environ["HTTP_AUTHORIZATION"] = header.replace(_signed(environ)[0], user)
            environ.pop("HTTP_X_AMZ_SECURITY_TOKEN", None)

    def _second_factor(self, body: bytes) -> bool:
        """A device that somebody has, with a code of about now that was not used before: each once, as AWS and unlike moto."""
        params = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        serial, code = params.get("SerialNumber", ""), params.get("TokenCode", "")
        for accounts in iam_backends.values():
            for backend in accounts.values():
                device = backend.virtual_mfa_devices.get(serial)
                if device is None or not any(serial in user.mfa_devices for user in backend.users.values()):
                    continue
                good = pyotp.TOTP(device.base32_string_seed).verify(
                    code, for_time=datetime.fromtimestamp(self.clock(), UTC), valid_window=1
                )
                fresh = (serial, code) not in self._codes
                self._codes.add((serial, code))
                return good and fresh
        return False

    @staticmethod
    def _dead_key(environ: dict[str, Any]) -> bool:
        key = _signed(environ)[0]
        if not key.startswith("AKIA") or key == HUB_KEY:
            return False
        keys = (
            found
            for accounts in iam_backends.values()
            for backend in accounts.values()
            for user in backend.users.values()
            for found in user.access_keys
        )
        return not any(found.access_key_id == key and found.status == "Active" for found in keys)

    def _learn(self, answer: bytes, body: bytes) -> None:
        """Which account a session's key belongs to."""
        found = re.search(rb"<AccessKeyId>([^<]+)<", answer)
        role = parse_qs(body.decode()).get("RoleArn", [""])[0]
        if found and role:
            self._sessions[found.group(1).decode()] = (role.split(":")[4], role.rsplit("/", 1)[-1])

    def _account(self, key: str) -> str:
        return self._sessions.get(key, ("hub", ""))[0]


@dataclass
class Account:
    """One client's account at the stand."""

    stand: AwsStand
    id: str
    role: str
    external_id: str
    secrets: dict[str, str] = field(default_factory=lambda: {"access_key": HUB_KEY, "secret_key": HUB_SECRET})
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "account": self.id,
            "role": self.role,
            "external_id": self.external_id,
            "regions": list(REGIONS),
            **more,
        }

    async def open(self, *, hub: dict[str, Any] | None = None, limits: Limits = QUICK, **settings: Any) -> AwsHandle:
        """A handle, as the assembly opens it."""

        async def secret(name: str) -> SecretBytes:
            if name not in self.secrets:
                raise InvalidTenant(f"no secret {name} is named")
            return SecretBytes(self.secrets[name].encode())

        estate = Estate({"endpoint_url": self.stand.base_url, **(hub or {})}, self.id)
        return await PROVIDER.open(self.settings(**settings), secret, estate=estate, limits=limits)

    def grant(self, policy: dict[str, Any] | None) -> None:
        """From now on our role may do this and nothing else; None: nothing."""
        iam = self.client("iam")
        if policy is None:
            iam.delete_role_policy(RoleName=self.role, PolicyName="granted")
        else:
            iam.put_role_policy(RoleName=self.role, PolicyName="granted", PolicyDocument=json.dumps(policy))
        self.stand.enforced[self.id] = self.role

    def client(self, service: str, region: str = REGIONS[0]) -> Any:
        """A plain boto3 client of the account, to prepare and to look; through a role of its own, which may do everything."""
        found = self._clients.get((service, region))
        if found is None:
            found = self._clients[service, region] = self._client(service, region)
        return found

    def _client(self, service: str, region: str) -> Any:
        sts = boto3.client(
            "sts",
            region_name=region,
            endpoint_url=self.stand.base_url,
            aws_access_key_id=HUB_KEY,
            aws_secret_access_key=HUB_SECRET,
        )
        keys = sts.assume_role(RoleArn=f"arn:aws:iam::{self.id}:role/{PREPARING}", RoleSessionName="test")[
            "Credentials"
        ]
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.stand.base_url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


def _signed(environ: dict[str, Any]) -> tuple[str, str, str]:
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None:
        return "", REGIONS[0], ""
    service = found.group(3)
    # S3 Control signs as S3.
    if service == "s3" and environ.get("HTTP_X_AMZ_ACCOUNT_ID"):
        service = "s3control"
    return found.group(1), found.group(2), service


def _operation(environ: dict[str, Any], body: bytes) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rsplit(".", 1)[-1]
    if b"Action=" in body[:4096]:
        found = parse_qs(body.decode(errors="replace")).get("Action")
        if found:
            return found[0]
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


_PARTS = ("CopyObject", "AbortMultipartUpload", "ListParts", "UploadPart", "UploadPartCopy")
"""Of S3: told from others by a header, or not used."""


@functools.cache
def _operations(service: str) -> list[tuple[str, re.Pattern[str], frozenset[str], str]]:
    """Method, path, words of the query and name of a REST service's operations by botocore's own description, the most particular first."""
    model = botocore.session.Session().get_service_model(service)
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        pattern = re.sub(r"\{\w+\+?\}", ".+", path.replace("{Bucket}", "[^/]+")).rstrip("/") + "/?"
        words = frozenset(parse_qs(query, keep_blank_values=True))
        found.append((operation.http["method"], re.compile(pattern), words, name))
    return sorted(found, key=lambda row: (len(row[2]), len(row[1].pattern)), reverse=True)


def _named(service: str, operation: str, environ: dict[str, Any]) -> str:
    """An operation as AWS calls it."""
    method, _, path = operation.partition(" ")
    if not path:
        return operation
    words = set(parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if service == "s3" and environ.get("HTTP_X_AMZ_COPY_SOURCE"):
        return "CopyObject"
    for verb, pattern, needed, name in _operations(service):
        if verb == method and needed <= words and pattern.fullmatch(path) and name not in _PARTS:
            return name
    raise AssertionError(f"{service} has no operation {operation}")


_asked = threading.local()
"""``environ``: of the request that this thread answers."""
_SSE_C = {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}}


def _permission(bucket: Any, action: str, resource: str) -> Any:
    """Of a bucket's policy, as moto's, which takes every condition for met."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    held = [one for one in policy["Statement"] if "Condition" not in one or _met(one["Condition"])]
    return IAMPolicy(json.dumps({**policy, "Statement": held})).is_action_permitted(action, resource)


def _met(condition: dict[str, Any]) -> bool:
    if condition != _SSE_C:
        raise AssertionError(f"the stand cannot tell whether {condition} is met")
    return "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM" in _asked.environ


FakeBucket.get_permission = _permission


def _trusts_nobody(arn: str) -> bool:
    """Whether a role's trust policy denies everybody; moto does not look at it."""
    if arn.count(":") < 5:
        return False
    backend = iam_backends[arn.split(":")[4]]["aws"]
    role = next((one for one in backend.roles.values() if one.arn == arn), None)
    said = json.loads(role.assume_role_policy_document or "{}") if role is not None else {}
    return any(one["Effect"] == "Deny" and one["Principal"] == {"AWS": "*"} for one in said.get("Statement", []))


def _allowed(account: str, role: str, action: str) -> bool:
    backend = iam_backends[account]["aws"]
    held = [backend.get_role_policy(role, name)[1] for name in backend.list_role_policies(role)]
    found = [IAMPolicy(policy).is_action_permitted(action) for policy in held]
    return PermissionResult.PERMITTED in found and PermissionResult.DENIED not in found


def _denied(service: str) -> Reply:
    if service == "s3":
        return Reply(403, b"<Error><Code>AccessDenied</Code><Message>canary-vendor-text</Message></Error>")
    if service == "ec2":
        return Reply.ec2_error(403, "UnauthorizedOperation")
    if service in (*MOTOS, "route53", "s3control"):
        return Reply.query_error(403, "AccessDenied")
    return Reply.json_error(400, "AccessDeniedException")


def _retention(environ: dict[str, Any]) -> bool:
    """S3's question for the retention of one version."""
    return environ["REQUEST_METHOD"] == "GET" and "retention" in environ.get("QUERY_STRING", "")


def _of_upload(environ: dict[str, Any]) -> bool:
    """Whether it is about an upload of S3's in parts."""
    return not {"uploadId", "uploads"}.isdisjoint(parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True))


_ONE: list[AwsStand] = []


def the_stand() -> AwsStand:
    """The one of this process, started when it is first asked for."""
    if not _ONE:
        _ONE.append(AwsStand())
    return _ONE[0]


def stand_fixture() -> Iterator[AwsStand]:
    """For fixtures: the stand with no calls and faults left over."""
    stand = the_stand()
    stand.forget()
    yield stand
    stand.forget()
