"""A client's contact at a phone, a run that waits for what they hand over, and nothing of it left anywhere but in the vault."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tenantry.run import Status
from tests.flows.phone import Phone, hand_over, phone_of
from tests.flows.stand import TENANT, Stand
from tests.support.canary import leaks
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOSTILE = "<img src=x onerror=alert(1)>"
BOOK = f"""\
id: gather
version: 1
title: Gather credentials
kind: onboarding
phases: [gather]
steps:
  - id: credentials
    title: Credentials
    phase: gather
    uses: vault.expect_credentials
    with:
      contact: primary
      expires_in: 1d
      expect:
        - {{name: psa/api-secret, title: Secret of the ticket system}}
        - {{name: vpn/certificate, kind: file, title: Certificate of the VPN}}
        - {{name: ssh/key, kind: text, title: "{HOSTILE}"}}
"""
CANARIES = {
    "password": "c4nary-Password/äö+one",
    "file": "c4nary-of-the-certificate-two",
    "text": "c4nary of the key, three",
}


@pytest.fixture
def phone(chromium: str, tmp_path: Path) -> Iterator[Phone]:
    with phone_of(chromium, tmp_path / "profile") as made:
        yield made


def console_pid(stand: Stand) -> int:
    """The process that faces the network."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int(re.search(r"PPid:\t(\d+)", (folder / "status").read_text())[1])  # type: ignore[index]  # each has one
        except OSError:
            continue
        if b"console.web" in command and stand.service is not None and parent == stand.service.pid:
            return int(folder.name)
    raise AssertionError("there is no console")


def given_to(stand: Stand, name: str) -> bytes:
    with stand.opened() as installation:
        assert len(installation.vault.versions(TENANT, name)) == 1
        return bytes(installation.vault.get(TENANT, name).get_secret_value())


def waiting_run(stand: Stand) -> tuple[str, dict[str, Any]]:
    """A run that waits for credentials, and the link for them."""
    (stand.home.runbooks / "gather.yaml").write_text(BOOK, encoding="utf-8")
    run = stand.begin("gather", {"tenant": TENANT})
    stand.wait_for(run, "PAUSED")
    done = stand.command("vault", "drop", "--run", run, "--json")
    assert done.returncode == 0, done.stderr
    return run, json.loads(done.stdout)


def test_from_a_phone_into_the_vault_and_the_run_goes_on(stand: Stand, phone: Phone, tmp_path: Path) -> None:
    run, made = waiting_run(stand)
    page = phone.open(made["link"])

    # A wrong number, then the one that was told on the telephone.
    code = page.get_by_label("Number from the call")
    code.fill("12345678" if made["pin"] != "12345678" else "87654321")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("4 more tries")).to_be_visible()
    phone.picture(page, "1-number")
    code.fill(f"{made['pin'][:4]} {made['pin'][4:]}")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("0 of 3 handed over")).to_be_visible()
    expect(page.get_by_text(HOSTILE)).to_be_visible()  # as text

    # What cannot be taken is said at once, and does not leave the page.
    sent = len(phone.sent)
    hand_over(page, 0)
    expect(page.get_by_text("This is still empty")).to_be_visible()
    huge = {"name": "disk.img", "mimeType": "application/octet-stream", "buffer": bytes(10_000_000)}
    page.get_by_label("Certificate of the VPN").set_input_files([huge])  # type: ignore[list-item]  # as documented
    hand_over(page, 1)
    expect(page.get_by_text("larger than 1 MB")).to_be_visible()
    assert not any(b"/sealed/" in one for one in phone.sent[sent:])
    phone.picture(page, "2-fields")

    # Shown and hidden; then the connection is lost in the middle, and it goes on by itself.
    password = page.get_by_label("Secret of the ticket system", exact=True)
    password.fill(CANARIES["password"])
    assert password.get_attribute("type") == "password"
    page.get_by_role("button", name="Show Secret of the ticket system").click()
    assert password.get_attribute("type") == "text"
    phone.context.set_offline(True)
    hand_over(page, 0)
    expect(page.get_by_text("No connection")).to_be_visible()
    assert password.input_value() == ""  # what was typed is sealed by now
    phone.picture(page, "3-offline")
    phone.context.set_offline(False)
    expect(page.get_by_text("1 of 3 handed over")).to_be_visible()
    expect(page.get_by_text("No connection")).to_be_hidden()

    # A second tab knows; and the process that faces the network dies under both.
    other = phone.open(made["link"])
    expect(other.get_by_text("1 of 3 handed over")).to_be_visible()
    killed = console_pid(stand)
    os.kill(killed, signal.SIGKILL)
    certificate = {
        "name": "vpn.pfx",
        "mimeType": "application/x-pkcs12",
        "buffer": b"\0\xff" + CANARIES["file"].encode(),
    }
    other.get_by_label("Certificate of the VPN").set_input_files([certificate])  # type: ignore[list-item]  # as above
    hand_over(other, 1)
    expect(other.get_by_text("2 of 3 handed over")).to_be_visible()
    assert console_pid(stand) != killed
    expect(page.get_by_text("2 of 3 handed over")).to_be_visible()
    other.close()

    # A page that was loaded anew goes on where it was.
    page.reload()
    expect(page.get_by_text("2 of 3 handed over")).to_be_visible()
    assert stand.state(run).ended is None
    page.get_by_label(HOSTILE).fill(f"-----BEGIN-----\n{CANARIES['text']}\n")
    hand_over(page, 2)
    expect(page.get_by_role("heading", name="Thank you, that is all")).to_be_visible()
    phone.picture(page, "4-end")
    page.reload()
    expect(page.get_by_role("heading", name="Thank you, that is all")).to_be_visible()

    # The run goes on by itself.
    until(lambda: stand.state(run).ended is not None, "the run does not go on")
    assert stand.state(run).ended is Status.COMPLETED
    output = stand.state(run).item("credentials", None).output
    assert (output["answer"], output["by"]) == ("received", "contact owner")
    assert given_to(stand, "ssh/key").decode() == f"-----BEGIN-----\n{CANARIES['text']}\n"
    assert given_to(stand, "vpn/certificate") == b"\0\xff" + CANARIES["file"].encode()
    with stand.opened() as installation:
        found = installation.vault.get_text(TENANT, "psa/api-secret")
        assert found.get_secret_value() == CANARIES["password"]
        assert installation.vault.versions(TENANT, f"drops/{made['drop']}/key") == ()
        received = [
            record.data["name"] for record in installation.journal.records(run) if record.event == "drop.received"
        ]
    assert received == ["psa/api-secret", "vpn/certificate", "ssh/key"]  # each once

    # Nothing else was asked of, nothing else was kept.
    assert phone.trouble == []
    base = stand.said["console"]
    assert all(address.startswith((f"{base}/drop/", "data:")) for address in phone.addresses)
    token = made["link"].partition("#")[2]
    assert not any(token in address for address in phone.addresses if "#" not in address)
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    [session] = [cookie["value"] for cookie in phone.context.cookies() if cookie["name"] == "drop"]
    phone.context.close()
    (tmp_path / "sent").write_bytes(b"\n".join(phone.sent))
    secrets = CANARIES | {"PIN": made["pin"], "session": session, "token": token}
    assert leaks(tmp_path, CANARIES) == []  # the browser's profile, and all that it sent
    with closing(sqlite3.connect(stand.home.journal_db)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    assert leaks(stand.home.path, secrets) == []
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "up.log").write_bytes(stand.log.read_bytes())
    assert leaks(tmp_path / "logs", secrets) == []
