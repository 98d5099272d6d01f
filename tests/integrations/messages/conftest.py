"""A real mail server with TLS in this process, and webhooks as strict as the vendors' pages describe them."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import SecretBytes

from integrations.http import Limits
from integrations.messages.provider import PROVIDER, MessagesHandle
from tenantry.providers import Client
from tests.support.tls import authority

PASSWORD = "canary-smtp-pässword"  # beyond ASCII: RFC 4616 is UTF-8
SLACK_URL = "https://hooks.slack.com/services/T0CANARY/B0CANARY/canaryslackwebhook"
TEAMS_URL = "https://prod-7.westeurope.logic.azure.com/workflows/canaryteamswebhook/triggers/manual?sig=canarysig77"


@dataclass
class MailServer:
    """What the server got; ``answers`` replace its own for a command; ``mute`` lets it die after a message."""

    port: int = 0
    mails: list[dict[str, Any]] = field(default_factory=list)
    signed_in: list[tuple[bytes, bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    mute: bool = False
    password: str = PASSWORD

    def answer(self, command: str) -> str | None:
        self.commands.append(command)
        return self.answers.get(command)

    # aiosmtpd's hooks

    async def handle_MAIL(self, server, session, envelope, address, options):
        if found := self.answer("MAIL"):
            return found
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if found := self.answer(f"RCPT {address}") or self.answer("RCPT"):
            return found
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        if found := self.answer("DATA"):
            return found
        parsed = message_from_bytes(envelope.content, policy=default)
        self.mails.append(
            {
                "from": envelope.mail_from,
                "to": list(envelope.rcpt_tos),
                "subject": parsed["Subject"],
                "text": parsed.get_content().replace("\r\n", "\n").removesuffix("\n"),
                "id": parsed["Message-ID"],
                "raw": envelope.content,
                "encrypted": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
            }
        )
        if self.mute:
            server.transport.abort()
        return "250 2.0.0 queued"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.signed_in.append((data.login, data.password))
        success = data.password == self.password.encode()
        return AuthResult(success=success, handled=success)


@pytest.fixture
async def mail_server(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts servers: ``await mail_server(implicit=True)``."""
    servers: list[asyncio.Server] = []

    async def start(*, implicit: bool = True, tls: ssl.SSLContext | None = None, offer: bool = True) -> MailServer:
        made = MailServer()
        context = tls or authority().server(tmp_path)

        def protocol() -> SMTP:
            return SMTP(
                made,
                authenticator=made.authenticate,
                auth_require_tls=not implicit,  # there it is encrypted from outside
                tls_context=None if implicit or not offer else context,
                hostname="localhost",
                loop=asyncio.get_running_loop(),
            )

        server = await asyncio.get_running_loop().create_server(
            protocol, "127.0.0.1", 0, ssl=context if implicit else None
        )
        servers.append(server)
        made.port = server.sockets[0].getsockname()[1]
        return made

    yield start
    for server in servers:
        server.close()


async def mail_handle(server: MailServer, *, client: Client | None = None, **more: Any) -> MessagesHandle:
    settings = {
        "via": "smtp",
        "host": "localhost",
        "port": server.port,
        "user": "incident",
        "sender": "incident@msp.example",
        "sender_name": "Our MSP",
        "authorities": authority().pem,
        **more,
    }

    async def secrets(name: str) -> SecretBytes:
        assert name == "password"
        return SecretBytes(PASSWORD.encode())

    if client is not None:
        return await PROVIDER.open_for(client, settings, secrets)
    return await PROVIDER.open(settings, secrets)


class Channel(httpx.AsyncBaseTransport):
    """Slack or Teams: refuses what the vendor would, answers as it does."""

    def __init__(self, url: str, accept: Callable[[Any], str | None], good: httpx.Response) -> None:
        self.url = url
        self.posts: list[Any] = []
        self.script: list[httpx.Response | Exception] = []
        self._accept = accept
        self._good = good
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.script:
            answer = self.script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if str(request.url) != self.url:
            return httpx.Response(404, text="no_service")
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/json"
        body = json.loads(request.content)
        problem = self._accept(body)
        if problem:
            return httpx.Response(400, text=problem)
        self.posts.append(body)
        return httpx.Response(self._good.status_code, content=self._good.content)


async def chat_handle(
    via: str, channel: Channel, *, client: Client | None = None, url: str | None = None
) -> MessagesHandle:
    async def secrets(name: str) -> SecretBytes:
        assert name == "webhook"
        return SecretBytes((url or channel.url).encode())

    async def sleep(seconds: float) -> None:
        channel.slept.append(seconds)  # type: ignore[attr-defined]

    channel.slept = []  # type: ignore[attr-defined]
    more: Any = {"transport": channel, "sleep": sleep, "limits": Limits(budget=60)}
    if client is not None:
        return await PROVIDER.open_for(client, {"via": via}, secrets, **more)
    return await PROVIDER.open({"via": via}, secrets, **more)


def slack_accepts(body: Any) -> str | None:
    """docs.slack.dev: text or blocks; at most 50 blocks; a header has at most 150 characters, a section 3,000."""
    if not isinstance(body, dict) or set(body) - {"text", "blocks"} or not body.get("text"):
        return "invalid_payload"
    blocks = body.get("blocks", [])
    if len(blocks) > 50:
        return "invalid_blocks"
    for block in blocks:
        texts = block["elements"] if block["type"] == "context" else [block["text"]]
        for text in texts:
            limit = 150 if block["type"] == "header" else 3_000
            if text["type"] != "plain_text" or not 1 <= len(text["text"]) <= limit:
                return "invalid_blocks"
    return None


def slack_arrived(body: Any) -> dict[str, Any]:
    blocks = [block for block in body["blocks"] if block["type"] != "context"]
    return {
        "subject": blocks[0]["text"]["text"],
        "text": "".join(block["text"]["text"] for block in blocks[1:]),
        "label": "".join(b["elements"][0]["text"] for b in body["blocks"] if b["type"] == "context"),
    }


def teams_accepts(body: Any) -> str | None:
    """learn.microsoft.com: a message with one adaptive card; about 28 KB."""
    if len(json.dumps(body, ensure_ascii=False).encode()) > 28_000 or body.get("type") != "message":
        return "invalid"
    (attachment,) = body["attachments"]
    card = attachment["content"]
    if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" or card["type"] != "AdaptiveCard":
        return "invalid"
    for block in card["body"]:
        if block["type"] != "RichTextBlock" or any(
            run["type"] != "TextRun" or not run["text"] for run in block["inlines"]
        ):
            return "invalid"
    return None


def teams_arrived(body: Any) -> dict[str, Any]:
    blocks = body["attachments"][0]["content"]["body"]
    label = ""
    if blocks[0]["inlines"][0].get("isSubtle"):
        label = blocks.pop(0)["inlines"][0]["text"]
    lines = ""
    for block in blocks[1:]:
        lines += ("\n" if lines and block["spacing"] == "None" else "\n\n" if lines else "") + block["inlines"][0][
            "text"
        ]
    return {"subject": blocks[0]["inlines"][0]["text"], "text": lines, "label": label}


@pytest.fixture
def slack() -> Channel:
    return Channel(SLACK_URL, slack_accepts, httpx.Response(200, text="ok"))


@pytest.fixture
def teams() -> Channel:
    return Channel(TEAMS_URL, teams_accepts, httpx.Response(202))
