"""Listing a cloud account's users: through the provider against a plain boto3 paginator, page by page in turns.

The vendor is an endpoint in this process that answers from memory, so that what is measured is the client and not the stand-in.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

import boto3
from pydantic import SecretBytes

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from integrations.aws.provider import PROVIDER
from tenantry.errors import InvalidTenant
from tenantry.providers import Estate

_TARGET: Final = 1.3
_PAGE: Final = 100
_ACCOUNT: Final = "123456789012"
_SIZES: Final = (5_000, 100_000)
"""Users of a round, and of the run that shows that memory does not grow."""


def measure(name: str, scale: Scale, option: Any) -> Bench:  # noqa: ARG001  # every benchmark is called so
    """CPU seconds of this process less those of the endpoint's thread, which answers both in the same way; the median of the rounds' ratios."""
    users, many = (500, 2_000) if scale.quick else _SIZES
    rounds = 2 if scale.quick else 7
    server = _Server()
    try:
        server.users = users
        ours, plain = [], []
        asyncio.run(_ours(server))  # both have their clients' descriptions parsed
        _plain(server)
        for _ in range(rounds):
            ours.append(_timed(server, lambda: asyncio.run(_ours(server))))
            plain.append(_timed(server, lambda: _plain(server)))
        before = peak_rss_mb()
        server.users = many
        listed = asyncio.run(_ours(server))
        grown = peak_rss_mb() - before
    finally:
        server.close()
    ratio = statistics.median(mine / base for mine, base in zip(ours, plain, strict=True))
    return Bench(
        name=name,
        value=round(statistics.median(ours), 3),
        unit="CPU seconds",
        baseline=Baseline("a plain boto3 paginator over the same pages", round(statistics.median(plain), 3)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET}",
        met=ratio <= _TARGET,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "users": users,
            "ours_s": summary(ours),
            "plain_s": summary(plain),
            "listed": listed,
            "grown_mb": round(grown, 1),
        },
    )


def _timed(server: _Server, work: Any) -> float:
    """CPU seconds that the work took, without what the endpoint used meanwhile."""
    begun, theirs = time.process_time(), server.cpu
    work()
    return time.process_time() - begun - (server.cpu - theirs)


async def _ours(server: _Server) -> int:
    async def secret(name: str) -> SecretBytes:
        if name != "key":
            raise InvalidTenant(f"there is no {name}")
        return SecretBytes(b"AKIABENCH:bench")

    settings = {"account": _ACCOUNT, "role": "Bench", "external_id": "bench-external", "regions": ["eu-central-1"]}
    handle = await PROVIDER.open(settings, secret, estate=Estate({"endpoint_url": server.url}, _ACCOUNT))
    count = 0
    async for _principal in handle.capability("cloud_identity").principals("user"):
        count += 1
    await handle.aclose()
    return count


def _plain(server: _Server) -> int:
    client = boto3.client(
        "iam",
        region_name="eu-central-1",
        endpoint_url=server.url,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",  # an endpoint in this process
    )
    count = 0
    for page in client.get_paginator("list_users").paginate():
        for _user in page["Users"]:
            count += 1
    client.close()
    return count


class _Server:
    """IAM's ListUsers and what signing in takes, from memory."""

    def __init__(self) -> None:
        self.users = 0
        self.cpu = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the name is the library's
                begun = time.thread_time()
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                answer = outer.answer({name: values[0] for name, values in body.items()}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                outer.cpu += time.thread_time() - begun

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, params: dict[str, str]) -> str:
        """One operation."""
        operation = params["Action"]
        if operation == "ListUsers":
            start = int(params.get("Marker", "0"))
            end = min(start + _PAGE, self.users)
            more = "" if end >= self.users else f"<Marker>{end}</Marker>"
            rows = "".join(self._row(at) for at in range(start, end))
            inner = f"<Users>{rows}</Users><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}"
        elif operation == "AssumeRole":
            inner = (
                "<Credentials><AccessKeyId>ASIABENCH</AccessKeyId><SecretAccessKey>bench</SecretAccessKey>"
                "<SessionToken>bench</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            )
        else:
            inner = f"<Account>{_ACCOUNT}</Account><Arn>arn:aws:sts::{_ACCOUNT}:assumed-role/Bench/b</Arn>"
        return f"<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>"

    def _row(self, at: int) -> str:
        return (
            f"<member><Path>/</Path><UserName>user-{at}</UserName><UserId>AIDA{at:017d}</UserId>"
            f"<Arn>arn:aws:iam::{_ACCOUNT}:user/user-{at}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
        )

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
