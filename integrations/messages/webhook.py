"""``messenger`` by webhook: one address, one channel; whoever knows the address may write there.

So the address is a secret, ``webhook``. It is read from the vault for each message and never stands in a log, an error, an event or an evidence
file; the logs are told to leave it out should a library print it.

429 with ``Retry-After`` is honoured by :class:`~integrations.http.Http`. An answer that never came is InDoubt: a webhook cannot be asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from integrations.http import Answer, Http
from integrations.messages._sent import Accepted
from tenantry import logs
from tenantry.capabilities import Channel, Message
from tenantry.errors import InDoubt, OutOfScope, Rejected, SignInFailed, TenantryError
from tenantry.providers import SecretSource

__all__ = ["Dialect", "WebhookMessenger"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one vendor's webhooks are like.

    Attributes:
        name: in messages of errors.
        hosts: names, or ends of names, that an address may have; empty: any.
        retired: ends of names whose webhooks the vendor has switched off.
        body: from the client's label and a message to the JSON that is posted.
        took: whether a 2xx answer means that the message was taken.
    """

    name: str
    hosts: tuple[str, ...]
    retired: tuple[str, ...]
    body: Callable[[str, Message], Mapping[str, Any]]
    took: Callable[[Answer], bool]


class WebhookMessenger:
    """Implements :class:`tenantry.capabilities.Messenger` for the channel ``chat``.

    Args:
        http: the client.
        dialect: the vendor's.
        secrets: gives ``webhook``.
        label: which client a message is about, shown above it where one channel serves many; empty for none.
    """

    def __init__(self, http: Http, dialect: Dialect, secrets: SecretSource, label: str = "") -> None:
        self._http = http
        self._dialect = dialect
        self._secrets = secrets
        self._label = label
        self._accepted = Accepted()

    async def sent(self, key: str, channel: Channel = "chat") -> bool | None:  # noqa: ARG002  # of chat alone
        """True for what this handle sent; None for anything else."""
        return True if key in self._accepted else None

    async def send(self, message: Message) -> None:
        """Post the message to the channel. Its recipients are whoever reads there.

        Raises:
            OutOfScope: the message is for another channel than chat.
            SignInFailed: the address is of no webhook of this vendor, or the vendor does not know it.
            InDoubt, Throttled, Unreachable, Rejected: see :class:`~integrations.http.Http`.
        """
        if message.key in self._accepted:
            return
        if message.channel != "chat":
            raise OutOfScope(f"{self._dialect.name} does not carry {message.channel}", vendor="messages")
        url = await self.address()
        answer = await self._http.write(
            "POST",
            url,
            content=json.dumps(self._dialect.body(self._label, message), ensure_ascii=False).encode(),
            dialect=self._refused,
            what=f"a message to {self._dialect.name}",
            plain=True,
        )
        if not self._dialect.took(answer):
            raise InDoubt(
                f"{self._dialect.name} answered the message in a way that says neither yes nor no", status=answer.status
            )
        self._accepted.add(message.key)

    async def address(self) -> str:
        """The webhook, checked to be one of this vendor's.

        Raises:
            SignInFailed: it is none; the error does not repeat it.
        """
        url = (await self._secrets("webhook")).get_secret_value().decode("utf-8", "replace").strip()
        logs.protect(url)
        problem = _problem(url, self._dialect)
        if problem:
            raise SignInFailed(
                f"the secret `webhook` {problem}",
                remedy=f"Store a webhook of {self._dialect.name} with `tenantry vault put`.",
            )
        logs.protect(urlsplit(url).path)
        return url

    def _refused(self, answer: Answer, what: str) -> TenantryError:
        if answer.status in (401, 403, 404, 410):
            return SignInFailed(
                f"{self._dialect.name} does not know the webhook any more ({answer.status}); nothing was sent",
                remedy="Make a new webhook in the channel and store it with `tenantry vault put`.",
                status=answer.status,
            )
        return Rejected(f"{self._dialect.name} refused {what} ({answer.status})", status=answer.status)


def _problem(url: str, dialect: Dialect) -> str | None:
    try:
        found = urlsplit(url)
        host = (found.hostname or "").lower()
        usable = found.scheme == "https" and bool(host) and not found.username and found.port in (None, 443)
    except ValueError:  # a port that is no number, a broken IPv6 address
        host, usable = "", False
    if not usable:
        return "is not an https address"
    if _ends(host, dialect.retired):
        return f"is of a kind that {dialect.name} has switched off"
    if dialect.hosts and not _ends(host, dialect.hosts):
        return f"is not an address of {dialect.name}"
    return None


def _ends(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)
