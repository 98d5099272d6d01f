"""Secrets on the command line: in from stdin, out only when asked for and recorded, never in an argument or a log."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tenantry.journal import Record
from tests.console.desk import Desk

SECRET = "s3cr3t-canary-value"


@pytest.fixture
def acme(desk: Desk, tmp_path: Path) -> Desk:
    file = tmp_path / "acme.yaml"
    file.write_text("name: acme\ndisplay_name: Acme\n", encoding="utf-8")
    desk.json("tenants", "add", str(file))
    return desk


def tail(desk: Desk, tenant: str = "acme") -> list[Record]:
    with desk.opened() as installation:
        return installation.journal.tail(tenant)


def test_put_list_show_delete(acme: Desk) -> None:
    stored = acme.json(
        "vault", "put", "--tenant", "acme", "m365/secret", "--kind", "client_secret", given=f"{SECRET}\n"
    )
    assert stored["reference"] == "vault:acme/m365/secret"
    assert stored["version"] == 1
    assert acme.json("vault", "put", "--tenant", "acme", "m365/secret", given="another\n")["version"] == 2
    assert [s["version"] for s in acme.json("vault", "list", "--tenant", "acme")] == [2]
    assert acme.json("vault", "show", "--tenant", "acme", "m365/secret")["versions"] == [2, 1]
    revealed = acme.json("vault", "show", "--tenant", "acme", "m365/secret", "--version", "1", "--reveal")
    assert revealed["value"] == SECRET
    assert acme.json("vault", "delete", "--tenant", "acme", "m365/secret")["versions_gone"] == 2
    assert acme.json("vault", "list", "--tenant", "acme") == []
    assert "no such secret" in acme.refused("vault", "show", "--tenant", "acme", "m365/secret", "--reveal", code=2)


def test_the_value_appears_only_with_reveal_and_that_is_recorded_first(acme: Desk) -> None:
    put = acme("vault", "put", "--tenant", "acme", "m365/secret", given=f"{SECRET}\n")
    shown = acme("vault", "show", "--tenant", "acme", "m365/secret")
    listed = acme("vault", "list", "--tenant", "acme")
    assert SECRET not in put.output + shown.output + listed.output
    assert "vault.shown" not in [record.event for record in tail(acme)]
    assert acme("vault", "show", "--tenant", "acme", "m365/secret", "--reveal").stdout == f"{SECRET}\n"
    [record] = [record for record in tail(acme) if record.event == "vault.shown"]
    assert record.data["name"] == "m365/secret"
    assert record.data["by"]["proven"] is False
    assert all(SECRET not in str(record.data) for record in tail(acme))
    for path in acme.home.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_certificate_of_many_lines_and_bytes(acme: Desk) -> None:
    pem = "-----BEGIN TEST-----\nabc\ndef\n-----END TEST-----\n"
    acme.json("vault", "put", "--tenant", "acme", "cert", given=pem)
    assert acme.json("vault", "show", "--tenant", "acme", "cert", "--reveal")["value"] == pem.rstrip("\n")
    raw = b"\x00\xff\xfe"
    acme.json("vault", "put", "--tenant", "acme", "raw", given=raw)
    encoded = acme.json("vault", "show", "--tenant", "acme", "raw", "--reveal")["value_base64"]
    assert base64.b64decode(encoded) == raw


def test_the_estates_own(desk: Desk) -> None:
    desk.json("vault", "put", "--tenant", "_msp", "psa/token", given="x\n")
    assert [s["name"] for s in desk.json("vault", "list", "--tenant", "_msp")] == ["psa/token"]


def test_revealing_takes_the_estates_role_once_there_is_an_estate(acme: Desk) -> None:
    acme.json("vault", "put", "--tenant", "acme", "m365/secret", given=f"{SECRET}\n")
    (acme.home / "estate.yaml").write_text("name: MSP\n", encoding="utf-8")
    args = ("vault", "show", "--tenant", "acme", "m365/secret", "--reveal")
    assert "lead" in acme.refused(*args, code=5)
    assert acme.refused(*args, "--as", "nobody", code=5, given="123456\n") == "the code was not accepted"
    acme.json("people", "add", "lee", "--role", "lead", "--tenant", "acme")
    from tests.console.desk import totp

    lee = totp(acme.json("people", "enroll", "lee")["otpauth_uri"])
    assert acme.json(*args, "--as", "lee", given=f"{lee.now()}\n")["value"] == SECRET
    [record] = [record for record in tail(acme) if record.event == "vault.shown"]
    assert record.data["by"]["person"] == "lee"
    assert record.data["by"]["proven"] is True


@pytest.mark.parametrize(
    ("args", "given", "said"),
    [
        (("put", "--tenant", "acme", "m365/secret"), "", "no secret was given"),
        (("put", "--tenant", "acme", "m365/secret"), "\n", "no secret was given"),
        (("put", "--tenant", "acme", "../up"), "x", "NAME"),
        (("put", "--tenant", "nobody", "a"), "x", "no tenant nobody"),
        (("put", "--tenant", "acme", "a", "--expires", "tomorrow"), "x", "--expires"),
        (("put", "--tenant", "acme", "a", SECRET), "x", "1 more argument than it takes"),
        (("list", "--tenant", "nobody"), "", "no tenant nobody"),
        (("show", "--tenant", "acme", "nothing"), "", "no such secret"),
        (("delete", "--tenant", "acme", "nothing"), "", "no secret nothing"),
        (("list",), "", "--tenant"),
    ],
)
def test_what_cannot_be_taken(acme: Desk, args: tuple[str, ...], given: str, said: str) -> None:
    assert said in acme.refused("vault", *args, code=2, given=given)
    assert acme.json("vault", "list", "--tenant", "acme") == []


def test_a_secret_given_as_an_argument_is_not_repeated(acme: Desk) -> None:
    result = acme("vault", "put", "--tenant", "acme", "name", SECRET, given="x")
    assert result.exit_code == 2
    assert SECRET not in result.output


def test_what_needs_attention_is_said(acme: Desk) -> None:
    put = ("vault", "put", "--tenant", "acme")
    acme.json(*put, "fine", "--expires", "2999-01-01T00:00:00Z", given="x\n")
    acme.json(*put, "gone", "--expires", "2020-01-01T00:00:00Z", given="x\n")
    stored = acme.json(*put, "old", "--rotate-by", "2020-01-02T00:00:00Z", given=f"{SECRET}\n")
    assert stored["rotate_at"] == "2020-01-02T00:00:00.000000Z"
    warnings = {s["name"]: s["warning"] for s in acme.json("vault", "list", "--tenant", "acme")}
    assert warnings == {"fine": None, "gone": "expired on 2020-01-01", "old": "was to be replaced by 2020-01-02"}
    assert SECRET not in acme("vault", "list", "--tenant", "acme").output


def test_check_and_set(acme: Desk) -> None:
    put = ("vault", "put", "--tenant", "acme", "m365/secret", "--expect")
    assert acme.json(*put, "0", given="one\n")["version"] == 1
    acme.refused(*put, "0", given="two\n", code=5)
    assert acme.json(*put, "1", given="two\n")["version"] == 2


def test_a_new_master_key(acme: Desk) -> None:
    acme.json("vault", "put", "--tenant", "acme", "m365/secret", given=f"{SECRET}\n")
    before = (acme.home / "master.key").read_bytes()
    assert acme.json("vault", "rotate-master") == {"keys": 2}
    assert (acme.home / "master.key").read_bytes() != before
    assert acme.json("vault", "show", "--tenant", "acme", "m365/secret", "--reveal")["value"] == SECRET
    assert [r.event for r in tail(acme, "_msp")][-2:] == ["vault.master.rotating", "vault.master.rotated"]
    (acme.home / "master.key").write_bytes(before)
    assert "not this vault's key" in acme.refused("vault", "list", "--tenant", "acme", code=4)


def test_stores_and_moving(acme: Desk) -> None:
    acme.json("vault", "put", "--tenant", "acme", "m365/secret", given=f"{SECRET}\n")
    (embedded,) = acme.json("vault", "stores")
    assert (embedded["name"], embedded["ok"], embedded["tenants"]) == ("embedded", True, ["acme"])
    assert acme.json("vault", "move", "--tenant", "acme", "--to", "embedded")["secrets"] == 1
    acme.refused("vault", "move", "--tenant", "acme", "--to", "nowhere", code=2)
    acme.refused("vault", "move", "--tenant", "acme", code=2)
    acme.refused("vault", "move", "--tenant", "acme", "--cancel", code=5)
    acme.refused("vault", "move", "--tenant", "_msp", "--to", "embedded", code=5)
    (acme.home / "estate.yaml").write_text(
        "secret_stores: {bao: {vendor: openbao, settings: {address: 'http://127.0.0.1:9', role_id: r}, "
        "secrets: {secret_id: vault:_msp/bao}}}\n"
    )
    stores = acme.json("vault", "stores", code=1)
    assert [(s["name"], s["ok"]) for s in stores] == [("embedded", True), ("bao", False)]
    acme.refused("vault", "move", "--tenant", "acme", "--to", "bao", code=4)
    assert [v["version"] for v in acme.json("vault", "list", "--tenant", "acme")] == [1]
