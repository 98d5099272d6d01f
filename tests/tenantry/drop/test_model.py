"""What may be expected, and what may be the value of it."""

from __future__ import annotations

import pytest

from tenantry.drop import Expected
from tenantry.drop.model import check_value
from tenantry.errors import InvalidInput


def test_name_kind_and_title() -> None:
    assert Expected.parse("m365/secret") == Expected("m365/secret", "password", "")
    assert Expected.parse("vpn/cert:file: VPN: certificate ") == Expected("vpn/cert", "file", "VPN: certificate")
    assert Expected.parse("vpn/cert::Title").shown == "Title"
    assert Expected.parse("vpn/cert").shown == "vpn/cert"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "../up",
        "<script>alert(1)</script>",
        "a b",
        "name:retina",
        "drops/0123/key",
        "contacts/jo/totp",
        "name:file:" + "x" * 121,
        "name:file:two\nlines",
        "name:file:turned\u202eround",
        "name:file:half \ud800 pair",
    ],
)
def test_what_cannot_be_expected(text: str) -> None:
    with pytest.raises(InvalidInput):
        Expected.parse(text)


def test_script_in_a_title_is_a_title() -> None:
    assert Expected.parse("name:text:<script>alert(1)</script>").shown == "<script>alert(1)</script>"


def test_values() -> None:
    check_value("password", "pässwörd <&\"'".encode())
    check_value("text", b"-----BEGIN\nline\r\n\ttab")
    check_value("file", b"\0\xff")
    for kind, value in (("password", b"two\nlines"), ("password", b"\xff"), ("text", b"bell\a"), ("text", b"nul\0")):
        with pytest.raises(InvalidInput) as refused:
            check_value(kind, value)  # type: ignore[arg-type]
        assert value.decode("latin-1") not in str(refused.value)
