"""`tenantry up`, as far as it says no before anything is started."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

from tests.console.desk import Desk
from tests.support.certificates import Authority


def test_beyond_loopback_not_without_tls(desk: Desk) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "msp.example"):
        said = desk.refused("up", "--host", host, code=2)
        assert "TLS" in said
        assert host in said
    assert not (desk.home / "run" / "broker.log").exists()


def test_what_the_configuration_says_counts(desk: Desk, tmp_path: Path) -> None:
    desk.json("tenants", "list")
    (desk.home / "estate.yaml").write_text("service: {host: 0.0.0.0}\n", encoding="utf-8")
    assert "0.0.0.0" in desk.refused("up", code=2)
    certificate, _ = Authority(tmp_path / "authority").issue()
    said = f"service: {{host: 0.0.0.0, tls_certificate: {certificate}, tls_key: missing.key}}\n"
    (desk.home / "estate.yaml").write_text(said, encoding="utf-8")
    assert str(desk.home / "missing.key") in desk.refused("up", code=2)


def test_a_certificate_that_does_not_hold(desk: Desk, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue(begins=timedelta(days=-9), ends=timedelta(days=-1))
    pair = ("--tls-cert", str(certificate), "--tls-key", str(key))
    assert f"{certificate}: expired" in desk.refused("up", "--host", "0.0.0.0", *pair, code=2)
    assert f"{certificate}: expired" in desk.refused("up", *pair, code=2)  # on loopback as well
    assert "--tls-key" in desk.refused("up", "--tls-cert", str(certificate), code=2)


def test_an_address_that_cannot_be_listened_on(desk: Desk, tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path / "authority").issue()
    pair = ("--tls-cert", str(certificate), "--tls-key", str(key))
    assert "192.0.2.1" in desk.refused("up", "--host", "192.0.2.1", *pair, code=2)  # RFC 5737: nobody's
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in desk.refused("up", "--host", "127.0.0.1", "--port", port, *pair, code=2)
