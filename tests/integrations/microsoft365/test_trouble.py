"""What Microsoft's services may do to us, each kind of answer for a read and a write of Graph and of Exchange: what it is called, what may be
concluded from it, and that the same call works when the trouble is over. Then a whole run whose rights are taken away, or whose tokens end, in the middle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.http import Limits
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry.errors import (
    InDoubt,
    PermissionMissing,
    ProviderError,
    SignInFailed,
    Throttled,
    VendorFault,
)
from tenantry.least import least
from tenantry.run import Status
from tenantry.runbook import parse_runbook
from tests.integrations.microsoft365.conftest import Stand
from tests.support.lab_stand import LabAccess, LabStand

Trouble = Callable[[], httpx.Response | Exception]
PAGE = b"<!DOCTYPE html><html><body>Sign in to the guest network</body></html>"


def _coded(encoding: str, body: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(body))


TROUBLES: dict[str, tuple[Trouble, type[ProviderError], type[ProviderError]]] = {
    "429": (lambda: httpx.Response(429, headers={"Retry-After": "900"}), Throttled, Throttled),
    "429 without a time": (lambda: httpx.Response(429), Throttled, Throttled),
    "500": (lambda: httpx.Response(500, json={"error": {"code": "InternalServerError"}}), VendorFault, InDoubt),
    "502 as a page": (lambda: httpx.Response(502, content=PAGE), VendorFault, InDoubt),
    "503": (lambda: httpx.Response(503), VendorFault, InDoubt),
    "504": (lambda: httpx.Response(504, text=""), VendorFault, InDoubt),
    "a page": (lambda: httpx.Response(200, content=PAGE), VendorFault, InDoubt),
    "half an answer": (lambda: httpx.Response(200, content=b'{"id": "x", "value": [{"Rule'), VendorFault, InDoubt),
    "UTF-16": (lambda: httpx.Response(200, content='{"value": []}'.encode("utf-16")), VendorFault, InDoubt),
    "no UTF-8": (lambda: httpx.Response(200, content=b'{"id": "\xff\xfe"}'), VendorFault, InDoubt),
    "no gzip": (lambda: _coded("gzip", b"\0" * 20), VendorFault, InDoubt),
    "no answer": (lambda: httpx.ReadTimeout("none"), VendorFault, InDoubt),
    "a connection cut": (lambda: httpx.RemoteProtocolError("half a page"), VendorFault, InDoubt),
    "elsewhere": (lambda: httpx.Response(302, headers={"Location": "https://evil.example/"}), VendorFault, InDoubt),
    "a token that stays refused": (lambda: httpx.Response(401), SignInFailed, SignInFailed),
    "a right taken away": (lambda: httpx.Response(403, json={"error": {}}), PermissionMissing, PermissionMissing),
    "a right taken away, without a word": (lambda: httpx.Response(403, content=b"\0\0"), *[PermissionMissing] * 2),
}
FAST = Limits(attempts=3, budget=30.0)


@pytest.mark.parametrize("service", ["graph", "exchange"])
@pytest.mark.parametrize("what", TROUBLES)
async def test_every_answer_is_somebodys_error_and_passes(stand: Stand, service: str, what: str) -> None:
    trouble, read_error, write_error = TROUBLES[what]
    handle = await stand.open(limits=FAST)
    read, write = await calls(stand, handle, service)
    for call, error, writes in ((read, read_error, False), (write, write_error, True)):
        stand.wire.requests.clear()
        stand.wire.instead = lambda request: trouble() if f"/{service}/" in request.url.path else None
        with pytest.raises(error) as caught:
            await call()
        assert type(caught.value) is error
        assert caught.value.remedy
        assert stand.secret not in repr(caught.value.as_dict())
        assert stand.lab.writes == 0
        asked = len([r for r in stand.wire.requests if f"/{service}/" in r.url.path])
        if writes and error is InDoubt:
            assert asked == 1, "what may have been done is not repeated"
        stand.wire.instead = None
        if what == "429":
            continue  # whoever was told to wait is waited for, by all; nothing more is sent
        await call()
    if what != "429":
        assert stand.lab.writes == 1
        assert (await read()) is False


@pytest.mark.parametrize("service", ["graph", "exchange"])
async def test_nothing_where_rows_should_be_is_no_empty_list(stand: Stand, service: str) -> None:
    handle = await stand.open(limits=FAST)
    read, _ = await calls(stand, handle, service)
    for body in (b"", b"{}", b"[]", b"null", b'{"value": null}'):
        stand.wire.instead = lambda request: (  # used in this turn alone
            httpx.Response(200, content=body) if f"/{service}/" in request.url.path else None  # noqa: B023  # as above
        )
        with pytest.raises(ProviderError):
            await read()


@pytest.mark.parametrize("service", ["graph", "exchange"])
async def test_a_token_that_ended_is_renewed_and_the_write_done_once(stand: Stand, service: str) -> None:
    handle = await stand.open(limits=FAST)
    read, write = await calls(stand, handle, service)
    await read()
    stand.lab.tokens.expire_all()
    await write()
    assert stand.lab.writes == 1
    assert (await read()) is False


async def calls(
    stand: Stand, handle: Microsoft365Handle, service: str
) -> tuple[Callable[[], Awaitable[bool]], Callable[[], Awaitable[None]]]:
    """A read and a write of one thing: whether an account, or a rule, is on, and off with it."""
    identity, mail = handle.capability("identity"), handle.capability("mail")
    if service == "graph":

        async def enabled() -> bool:
            return bool((await identity.account(stand.user)).enabled)

        return enabled, lambda: identity.set_enabled(stand.user, False)
    rule = next(rule.id for rule in await mail.rules(stand.user) if rule.enabled)

    async def works() -> bool:
        return next(one.enabled for one in await mail.rules(stand.user) if one.id == rule)

    return works, lambda: mail.set_rule_enabled(stand.user, rule, False)


class Losing(httpx.AsyncBaseTransport):
    """The network to a lab; before the first request whose path and body have these words, or every so many, something happens."""

    def __init__(self, words: tuple[str, ...], happens: Callable[[], Any], every: int | None = None) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._words, self._happens, self._every = words, happens, every
        self.met = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        said = f"{request.method} {request.url.path} {request.content.decode(errors='replace')}"
        if all(word in said for word in self._words):
            self.met += 1
            if self.met == 1 if self._every is None else self.met % self._every == 0:
                self._happens()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


AT = {
    "an account": ("accountEnabled",),
    "a rule": ("Remove-InboxRule",),
}


async def through(lab: LabStand, transport: Losing) -> Status | None:
    """The run as far as it goes, every question answered with yes, everything through that network."""
    access = await LabAccess.open(lab.server.base_url, lab.lab, transport)
    try:
        while True:
            state = await lab.stand.engine(access).run("run-1")
            if state.ended is not None or not lab.stand.answer("run-1", "ann", reason="checked"):
                return state.ended
    finally:
        await access.aclose()


@pytest.mark.parametrize("at", AT)
async def test_a_role_revoked_in_mid_run_stops_it_and_it_goes_on_when_it_is_given_back(tmp_path: Path, at: str) -> None:
    """Every right is taken away at the moment of a call, also from the tokens that are out."""
    lab = LabStand(tmp_path, users=20)
    everything = {*lab.lab.granted_roles, *lab.lab.exchange_roles}
    held = lab.lab.exchange_admin_roles
    losing = Losing(AT[at], lambda: lab.lab.change_permissions(revoke=everything, exchange_roles=()))
    lab.create()
    ended = await through(lab, losing)
    assert losing.met, "the call was made"
    assert ended is not Status.COMPLETED
    failed = [step for step in lab.stand.view()["steps"] if step["outcome"] == "failed"]
    assert {step["error"]["code"] for step in failed} == {"permission_missing"}
    assert all("Grant the application" in step["error"]["remedy"] for step in failed)
    before = len(lab.lab.audit)
    lab.lab.change_permissions(grant=everything, exchange_roles=held)
    assert await through(lab, Losing(("never",), int)) is Status.COMPLETED
    done = [(entry["service"], entry["method"], entry["target"], str(entry["after"])) for entry in lab.lab.audit]
    assert len(done) == len(set(done)) > before
    assert lab.stand.state().item("verify_contained", None).output["contained"]
    lab.close()


@pytest.mark.parametrize(
    ("runbook", "scenario"), [("business_email_compromise", "bec"), ("malicious_oauth_app", "oauth_app")]
)
async def test_what_is_printed_as_least_privilege_suffices(tmp_path: Path, runbook: str, scenario: str) -> None:
    """The lab lets nothing through that its application was not granted."""
    params = {"oauth_app": lambda lab: {"application": lab.scenario_info()["artefacts"]["application"]["name"]}}
    lab = LabStand(tmp_path, users=20, scenario=scenario, runbook=runbook, params=params.get(scenario))
    registry = lab.stand.registry
    tasks = [registry.get(step.uses) for step in parse_runbook(lab.text, source=runbook, registry=registry).steps]
    names = [name for task in tasks for p in task.permissions if p.vendor == "microsoft365" for name in p.names]
    printed = least("microsoft365", names, {}).text
    granted = {line for line in printed.splitlines() if not line.startswith("#")}
    lab.lab.change_permissions(revoke={*lab.lab.granted_roles, *lab.lab.exchange_roles})
    lab.lab.change_permissions(grant=granted)
    lab.create()
    ended = await through(lab, Losing(("never",), int))
    assert ended is Status.COMPLETED, [
        (s["id"], s["error"]["message"]) for s in lab.stand.view()["steps"] if s["error"]
    ]
    assert "Directory.ReadWrite.All" not in granted
    lab.close()


async def test_tokens_that_end_again_and_again_stop_nothing(tmp_path: Path) -> None:
    lab = LabStand(tmp_path, users=20)
    lab.create()
    ended: list[int] = []
    ending = Losing(("graph",), lambda: ended.append(lab.lab.tokens.expire_all()), every=40)
    assert await through(lab, ending) is Status.COMPLETED
    assert sum(1 for tokens in ended if tokens) >= 2
    done = [(entry["service"], entry["method"], entry["target"], str(entry["after"])) for entry in lab.lab.audit]
    assert len(done) == len(set(done))
    lab.close()
