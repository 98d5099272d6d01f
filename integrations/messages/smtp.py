"""``messenger`` over SMTP: TLS always, from the first byte or by STARTTLS, with a certificate that verifies.

Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS on port 465, preferred), RFC 4954 and 4616 (AUTH PLAIN),
RFC 3463 (enhanced status codes), RFC 3834 (``Auto-Submitted``).

The standard library's client is used, in a thread: it is kept by CPython itself, and it lets each command be seen, which
decides what a failure means. A message is the server's from the answer to its last byte on:

::

    no connection, no valid certificate     Unreachable     nothing was sent
    no STARTTLS offered                     Rejected        nothing was sent, the password neither
    4xx before the message                  Throttled       nothing was sent
    5xx before the message                  Rejected        nothing was sent (535: SignInFailed)
    one recipient refused                   Rejected        nothing was sent to anybody
    broken off once the message had begun   InDoubt
    4xx, 5xx after the message              Throttled, Rejected

Known limit: SMTP cannot be asked whether a message was taken. ``sent`` knows what this handle sent, else None.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Any, Final, TypeVar

from integrations.http import tls_context
from integrations.messages._sent import Accepted, message_id
from integrations.turns import turns
from tenantry import deadline
from tenantry.capabilities import Channel, Message
from tenantry.errors import InDoubt, OutOfScope, Rejected, SignInFailed, TenantryError, Throttled, Unreachable
from tenantry.providers import Client, SecretSource

__all__ = ["Relay", "SmtpMessenger", "composed"]

T = TypeVar("T")

_TIMEOUT: Final = 20.0
"""Seconds for one answer of the server (RFC 5321 section 4.5.3.2 allows minutes; a notice of an incident does not)."""
_AT_ONCE: Final = 4
"""Connections to one relay: providers of mail count them."""
_STATUS: Final = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")
_WIRE: Final = SMTP_POLICY.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over, and as whom.

    Attributes:
        implicit: TLS from the first byte; otherwise STARTTLS.
        user: signs in with the secret ``password``; None: the relay takes mail from this machine.
        authorities: PEM of the authorities that the relay's certificate is verified with; None: the public ones.
    """

    host: str
    port: int
    implicit: bool
    sender: str
    sender_name: str
    user: str | None
    authorities: str | None

    @property
    def domain(self) -> str:
        """Of the sender; what this machine calls itself to the relay."""
        return self.sender.rpartition("@")[2]


class SmtpMessenger:
    """Implements :class:`tenantry.capabilities.Messenger` for the channel ``mail``.

    Args:
        relay: the server.
        secrets: gives ``password`` at each sign-in.
        client: the one client that may be written to; None: the relay is the tenant's own.
    """

    def __init__(self, relay: Relay, secrets: SecretSource, client: Client | None = None) -> None:
        self._relay = relay
        self._secrets = secrets
        self._client = client
        self._accepted = Accepted()

    async def sent(self, key: str, channel: Channel = "mail") -> bool | None:  # noqa: ARG002  # of mail alone
        """True for what this handle sent; None for anything else."""
        return True if key in self._accepted else None

    async def send(self, message: Message) -> None:
        """Hand the message over, to all of its recipients or to none.

        Raises:
            OutOfScope: a recipient is no contact of this client, or the message is for another channel.
            ProviderError: see the module.
        """
        if message.key in self._accepted:
            return
        self._permitted(message)
        content = composed(message, self._relay)
        await self._with_session(lambda session: session.deliver(self._relay.sender, message.to, content))
        self._accepted.add(message.key)

    async def probe(self) -> dict[str, Any]:
        """Sign in and have the sender accepted, without sending anything.

        Returns:
            ``tls`` (version), ``certificate_expires`` (time).
        """
        return await self._with_session(lambda session: session.probe(self._relay.sender))

    def _permitted(self, message: Message) -> None:
        if message.channel != "mail":
            raise OutOfScope(f"mail does not carry {message.channel}", vendor="messages")
        if self._client is not None:
            strangers = [to for to in message.to if to.lower() not in self._client.addresses]
            if strangers:
                raise OutOfScope(
                    f"{len(strangers)} of the recipients are no contacts of {self._client.tenant}",
                    remedy="Add them to the tenant's file if they should be written to.",
                )

    async def _with_session(self, work: Callable[[_Session], T]) -> T:
        password = None
        if self._relay.user is not None:
            password = (await self._secrets("password")).get_secret_value()
        async with turns("messages-smtp", self._relay.host, _AT_ONCE).turn():
            deadline.check()
            session = _Session(self._relay, password)
            try:
                return await asyncio.to_thread(session.run, work)
            except asyncio.CancelledError:
                session.abort()  # the thread cannot be stopped, its connection can
                raise


def composed(message: Message, relay: Relay) -> bytes:
    """The message as it goes over the wire: plain text, the same ``Message-ID`` whenever it is composed.

    Raises:
        Rejected: an address that cannot stand in a header.
    """
    mail = EmailMessage(policy=_WIRE)
    try:
        mail["From"] = Address(relay.sender_name, addr_spec=relay.sender)
        mail["To"] = [Address(addr_spec=to) for to in message.to]
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail["Message-ID"] = message_id(message.key, relay.domain)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        content = mail.as_bytes()
    except (
        ValueError,
        IndexError,
        UnicodeError,
    ):  # the library's ways to refuse an address or a line break in a header
        content = b""
    if not content:
        raise Rejected("an address or the subject cannot stand in the head of a mail", remedy="Correct the contact.")
    return re.sub(rb"(?m)^\.", b"..", content)  # RFC 5321 section 4.5.2


class _Session:
    """One connection, used in one thread and aborted from another."""

    def __init__(self, relay: Relay, password: bytes | None) -> None:
        self._relay = relay
        self._password = password
        self._begun = False
        self._smtp: smtplib.SMTP | None = None
        self._aborted = False

    def run(self, work: Callable[[_Session], T]) -> T:
        """Connect, sign in, do the work, say goodbye."""
        try:
            with self._mapped():
                self._connect()
                self._sign_in()
                done = work(self)
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._open.quit()  # whether it is answered changes nothing
            return done
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the connection, from whichever thread."""
        self._aborted = True
        connection = self._smtp
        sock = getattr(connection, "sock", None)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                sock.close()

    # --- work ---------------------------------------------------------------------------------------------------------

    def deliver(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """One message to all recipients, or to none."""
        smtp = self._open
        self._expect(smtp.mail(sender), (250,), "the sender")
        for recipient in recipients:
            self._expect(smtp.rcpt(recipient), (250, 251), f"the recipient {recipient}")
        deadline.check()
        smtp.putcmd("data")
        self._expect(smtp.getreply(), (354,), "a message")
        self._begun = True
        smtp.send(content + b".\r\n")
        self._taken(smtp.getreply())
        self._begun = False

    def probe(self, sender: str) -> dict[str, Any]:
        """Whether the sender is accepted; facts of the connection."""
        smtp = self._open
        self._expect(smtp.mail(sender), (250,), "the sender")
        smtp.docmd("RSET")
        sock: Any = smtp.sock
        expires = ssl.cert_time_to_seconds(sock.getpeercert()["notAfter"])
        return {"tls": sock.version(), "certificate_expires": datetime.fromtimestamp(expires, UTC)}

    # --- the connection -----------------------------------------------------------------------------------------------

    @property
    def _open(self) -> smtplib.SMTP:
        if self._smtp is None or self._aborted:
            raise smtplib.SMTPServerDisconnected("closed")
        return self._smtp

    def _connect(self) -> None:
        relay = self._relay
        left = deadline.remaining()
        seconds = _TIMEOUT if left is None else max(0.1, min(_TIMEOUT, left))
        tls = tls_context(relay.authorities)
        if relay.implicit:
            self._smtp = smtplib.SMTP_SSL(local_hostname=relay.domain, timeout=seconds, context=tls)
        else:
            self._smtp = smtplib.SMTP(local_hostname=relay.domain, timeout=seconds)
        self._smtp._host = relay.host  # type: ignore[attr-defined]  # the name that TLS verifies; connect() sets none
        self._expect(self._smtp.connect(relay.host, relay.port), (220,), "a connection")
        self._expect(self._smtp.ehlo(), (250,), "a greeting")
        if not relay.implicit:
            if not self._smtp.has_extn("starttls"):
                raise Rejected(
                    f"{relay.host} does not offer STARTTLS; nothing was sent to it in the clear",
                    remedy="Use `security: implicit` with port 465, or a relay that encrypts.",
                )
            self._expect(self._smtp.starttls(context=tls), (220,), "encryption")
            self._expect(self._smtp.ehlo(), (250,), "a greeting")

    def _sign_in(self) -> None:
        if self._relay.user is None or self._password is None:
            return
        smtp = self._open
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        user = self._relay.user.encode()
        if "PLAIN" in offered:
            code, said = smtp.docmd("AUTH", "PLAIN " + _b64(b"\0" + user + b"\0" + self._password))
        elif "LOGIN" in offered:
            code, said = smtp.docmd("AUTH", "LOGIN")
            for part in (user, self._password):
                if code == 334:
                    code, said = smtp.docmd(_b64(part))
        else:
            raise Rejected(f"{self._relay.host} offers no sign-in with a password (AUTH PLAIN or LOGIN)")
        if code != 235:
            if 400 <= code < 500:
                raise Throttled(f"{self._relay.host} takes no sign-in now ({_code(code, said)})")
            raise SignInFailed(
                f"{self._relay.host} refused the sign-in ({_code(code, said)})",
                remedy="Check `user` and the secret `password` of this provider.",
            )

    def _expect(self, reply: tuple[int, bytes], good: tuple[int, ...], what: str) -> None:
        code, said = reply
        if code in good:
            return
        shown = f"{self._relay.host} did not take {what} ({_code(code, said)})"
        if 400 <= code < 500:
            raise Throttled(shown, vendor="messages", status=code)
        if code == -1:  # the library's word for an answer that was none
            raise smtplib.SMTPServerDisconnected("no answer")
        raise Rejected(shown, vendor="messages", status=code)

    def _taken(self, reply: tuple[int, bytes]) -> None:
        """The answer to the message itself: its first digit decides (RFC 5321 section 4.2.1), and what has none says neither yes nor no."""
        code, _ = reply
        if 200 <= code < 300:
            return
        if not 400 <= code < 600:
            raise InDoubt(f"{self._relay.host} answered the message in a way that says neither yes nor no")
        self._expect(reply, (), "the message")

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        host = self._relay.host
        trouble: TenantryError
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            trouble = Unreachable(
                f"the certificate of {host} does not verify ({error.verify_message}); nothing was sent",
                remedy="Correct the host's name, or name its authority under `authorities`.",
            )
        except (OSError, smtplib.SMTPException) as error:
            name = type(error).__name__
            if self._begun:
                trouble = InDoubt(f"{host} did not answer the message; it may have been taken", cause=name)
            else:
                trouble = Unreachable(f"no connection to {host}; nothing was sent", cause=name)
        else:
            return
        raise trouble


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _code(code: int, said: bytes) -> str:
    """The answer's numbers. Its text is the server's own and may repeat what was sent."""
    enhanced = _STATUS.match(said)
    return f"{code} {enhanced.group(1).decode()}" if enhanced else str(code)
