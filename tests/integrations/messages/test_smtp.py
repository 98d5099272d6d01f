"""Mail, against a real server with TLS in this process."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

import pytest

from tenantry import deadline
from tenantry.capabilities import Message
from tenantry.errors import InDoubt, OutOfScope, Rejected, SignInFailed, Throttled, TimedOut, Unreachable
from tenantry.providers import Client
from tests.conformance.messenger import MessengerConformance, MessengerWorld
from tests.integrations.messages.conftest import PASSWORD, mail_handle
from tests.support.tls import authority

MESSAGE = MessengerConformance.message


class TestConformance(MessengerConformance):
    @pytest.fixture(params=["implicit", "starttls"])
    async def world(self, request, mail_server):
        server = await mail_server(implicit=request.param == "implicit")
        handle = await mail_handle(server, security=request.param)
        return MessengerWorld(handle.capability("messenger"), lambda: server.mails)


@pytest.mark.parametrize("security", ["implicit", "starttls"])
async def test_goes_over_tls_with_the_sign_in_and_a_stable_id(mail_server, security):
    server = await mail_server(implicit=security == "implicit")
    for _ in range(2):  # two processes: two handles
        await (await mail_handle(server, security=security)).capability("messenger").send(MESSAGE)
    first, second = server.mails
    assert first["encrypted"]
    assert server.signed_in[0] == (b"incident", PASSWORD.encode())
    assert first["id"] == second["id"]
    assert first["id"].endswith("@msp.example>")
    assert first["from"] == "incident@msp.example"
    assert b"Auto-Submitted: auto-generated" in first["raw"]


async def test_says_nothing_in_the_clear_where_starttls_is_missing(mail_server):
    server = await mail_server(implicit=False, offer=False)
    handle = await mail_handle(server, security="starttls")
    with pytest.raises(Rejected, match="STARTTLS"):
        await handle.capability("messenger").send(MESSAGE)
    assert server.signed_in == []
    assert server.commands == []


@pytest.mark.parametrize("wrong", ["name", "authority"])
@pytest.mark.parametrize("security", ["implicit", "starttls"])
async def test_a_certificate_that_does_not_verify_gets_neither_password_nor_message(
    mail_server, tmp_path, wrong, security
):
    tls = authority().server(tmp_path, name="elsewhere.example") if wrong == "name" else None
    trusted = authority().pem if wrong == "name" else authority("another").pem
    server = await mail_server(implicit=security == "implicit", tls=tls)
    handle = await mail_handle(server, authorities=trusted, security=security)
    with pytest.raises(Unreachable, match="does not verify"):
        await handle.capability("messenger").send(MESSAGE)
    assert server.signed_in == []
    assert server.mails == []


async def test_a_refused_recipient_means_that_nobody_gets_it(mail_server):
    server = await mail_server()
    server.answers["RCPT b@client.example"] = "550 5.1.1 no such user canary-text"
    messenger = (await mail_handle(server)).capability("messenger")
    with pytest.raises(Rejected) as caught:
        await messenger.send(MESSAGE.model_copy(update={"to": ("a@client.example", "b@client.example")}))
    assert "550 5.1.1" in caught.value.message
    assert "canary-text" not in str(caught.value.as_dict()), "a server's text may repeat what was sent"
    assert server.mails == []
    assert await messenger.sent(MESSAGE.key) is None


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        ("MAIL", "451 4.7.1 greylisted", Throttled),
        ("RCPT", "452 4.5.3 too many", Throttled),
        ("MAIL", "553 5.1.8 not yours", Rejected),
        ("DATA", "452 4.3.1 no room", Throttled),
        ("DATA", "554 5.7.1 spam", Rejected),
    ],
)
async def test_what_the_server_refuses_was_not_sent(mail_server, command, answer, error):
    server = await mail_server()
    server.answers[command] = answer
    with pytest.raises(error):
        await (await mail_handle(server)).capability("messenger").send(MESSAGE)
    assert server.mails == []


async def test_an_answer_that_never_came_is_in_doubt(mail_server):
    server = await mail_server()
    server.mute = True
    messenger = (await mail_handle(server)).capability("messenger")
    with pytest.raises(InDoubt):
        await messenger.send(MESSAGE)
    assert await messenger.sent(MESSAGE.key) is None
    assert len(server.mails) == 1


@pytest.mark.parametrize("answer", ["nonsense", "<html>502</html>", "354 go on", "1xx"])
async def test_an_answer_to_the_message_that_makes_no_sense_is_in_doubt(mail_server, answer):
    server = await mail_server()
    server.answers["DATA"] = answer  # aiosmtpd says it when it has the whole message
    messenger = (await mail_handle(server)).capability("messenger")
    with pytest.raises(InDoubt):
        await messenger.send(MESSAGE)
    assert await messenger.sent(MESSAGE.key) is None


async def test_any_yes_to_the_message_is_one(mail_server):
    server = await mail_server()
    server.answers["DATA"] = "252 2.0.0 taken, though not seen through"
    messenger = (await mail_handle(server)).capability("messenger")
    await messenger.send(MESSAGE)
    assert await messenger.sent(MESSAGE.key)


async def test_a_wrong_password_is_not_repeated_in_the_error(mail_server):
    server = await mail_server()
    server.password = "another"
    handle = await mail_handle(server)
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("messenger").send(MESSAGE)
    assert PASSWORD not in repr(caught.value.as_dict())
    assert server.mails == []
    found = await handle.check()
    assert found.signed_in is False
    assert found.reachable


async def test_nobody_there():
    class Nobody:
        port = 9

    with pytest.raises(Unreachable):
        await (await mail_handle(Nobody())).capability("messenger").send(MESSAGE)


async def test_only_the_clients_own_contacts_can_be_written_to(mail_server):
    server = await mail_server()
    client = Client("acme", "Acme", frozenset({"owner@client.example"}))
    messenger = (await mail_handle(server, client=client)).capability("messenger")
    await messenger.send(MESSAGE.model_copy(update={"to": ("Owner@client.example",)}))
    with pytest.raises(OutOfScope):
        await messenger.send(
            MESSAGE.model_copy(update={"key": "k2", "to": ("owner@client.example", "owner@other.example")})
        )
    assert len(server.mails) == 1


async def test_no_head_can_be_forged(mail_server):
    server = await mail_server()
    messenger = (await mail_handle(server)).capability("messenger")
    with pytest.raises(Rejected):
        await messenger.send(MESSAGE.model_copy(update={"subject": "x\r\nBcc: evil@evil.example"}))
    with pytest.raises(Rejected):
        await messenger.send(MESSAGE.model_copy(update={"to": ("a@client.example>\r\nDATA",)}))
    assert server.mails == []


async def test_lines_that_begin_with_a_dot_arrive(mail_server):
    server = await mail_server()
    messenger = (await mail_handle(server)).capability("messenger")
    text = "one\n.\n..two\n.three"
    await messenger.send(MESSAGE.model_copy(update={"text": text}))
    assert server.mails[0]["text"] == text


async def test_a_message_for_a_channel_is_not_mail(mail_server):
    server = await mail_server()
    with pytest.raises(OutOfScope):
        await (
            (await mail_handle(server))
            .capability("messenger")
            .send(Message(key="k", channel="chat", to=(), subject="s", text="t"))
        )


async def test_nothing_is_sent_after_the_deadline(mail_server):
    server = await mail_server()
    messenger = (await mail_handle(server)).capability("messenger")
    with deadline.effect(0.0), pytest.raises(TimedOut):
        await messenger.send(MESSAGE)
    assert server.mails == []


async def test_cancelling_closes_the_connection(mail_server):
    server = await mail_server()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*_args):
        begun.set()
        await go_on.wait()
        return "250 ok"

    server.handle_MAIL = slow
    sending = asyncio.create_task((await mail_handle(server)).capability("messenger").send(MESSAGE))
    await begun.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    go_on.set()
    assert server.mails == []


async def test_a_check_signs_in_and_sends_nothing(mail_server):
    server = await mail_server()
    found = await (await mail_handle(server)).check()
    assert found.signed_in
    assert found.reachable
    assert found.facts["tls"].startswith("TLSv1.")
    (expires,) = found.expiries.values()
    assert 28 <= (expires - datetime.now(UTC)).days <= 30
    assert server.mails == []


def test_old_tls_is_not_spoken():
    from integrations.http import tls_context
    from integrations.storehttp import _tls

    for context in (tls_context(), tls_context(authority().pem), _tls(None)):
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


# --- a vendor in trouble ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>no</html>",
        b"",
        b"22",
        b"\xff\xfe2\x002\x000\x00\r\x00\n\x00",
        b"220 " + b"x" * 10_000,
        b"554 5.3.2 closed for today\r\n",
        b"421 4.3.2 too many of you\r\n",
    ],
    ids=["html", "nothing", "half", "UTF-16", "endless", "refused", "throttled"],
)
async def test_a_relay_that_greets_with_nonsense_got_nothing(tmp_path, said):
    """Behind TLS that is sound: a proxy, a port that is another service's, a relay that is going down."""
    heard: list[bytes] = []

    async def serve(reader, writer):
        writer.write(said)
        await writer.drain()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        heard.append(await reader.read(1000))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority().server(tmp_path))

    class There:
        port = server.sockets[0].getsockname()[1]

    with pytest.raises((Unreachable, Rejected, Throttled)) as caught:
        await (await mail_handle(There())).capability("messenger").send(MESSAGE)
    assert caught.value.remedy
    assert not any(PASSWORD.encode() in part or b"DATA" in part for part in heard)
    server.close()


async def test_a_sender_whose_right_is_taken_away_in_mid_run(mail_server):
    """The password is exchanged between two messages: the second is refused, not sent, and goes when it fits again."""
    server = await mail_server()
    messenger = (await mail_handle(server)).capability("messenger")
    await messenger.send(MESSAGE)
    server.password = "another"
    second = MESSAGE.model_copy(update={"key": "second"})
    with pytest.raises(SignInFailed):
        await messenger.send(second)
    assert await messenger.sent("second") is None
    server.password = PASSWORD
    server.answers["MAIL"] = "550 5.7.60 not as this sender any more"
    with pytest.raises(Rejected):
        await messenger.send(second)
    server.answers.clear()
    await messenger.send(second)
    assert len(server.mails) == 2
