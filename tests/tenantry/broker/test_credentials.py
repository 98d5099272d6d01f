"""What a run may store through the broker: its tenant's own credentials, by the names in its file, and candidates for them."""

from __future__ import annotations

import os

import pytest

from tenantry.broker import BrokeredVault
from tenantry.errors import Conflict, OutOfScope
from tests.tenantry.broker.conftest import Place

FILE = "name: acme\ndisplay_name: Acme\nproviders: {m365: {vendor: lab, secrets: {secret: vault:acme/m365/secret}}}\n"


def test_a_credential_is_replaced_and_everything_else_is_refused(place: Place) -> None:
    (place.home.tenants / "acme.yaml").write_text(FILE)
    with place.serving() as hand:
        token = hand.grant("run-1", "acme", pid=os.getpid())
        with BrokeredVault(place.home.broker_socket, token, patience=5) as vault:
            made = vault.put("acme", "rotations/m365/secret", "canary-new", kind="client_secret", expect=0)
            assert (made.version, made.kind) == (1, "client_secret")
            with pytest.raises(Conflict):
                vault.put("acme", "m365/secret", "canary-new", expect=9)
            stored = vault.put("acme", "m365/secret", "canary-new", metadata={"credential_id": "7"}, expect=1)
            assert stored.version == 2
            known = vault.versions("acme", "m365/secret")
            assert [(one.version, dict(one.metadata)) for one in known] == [(2, {"credential_id": "7"}), (1, {})]
            assert vault.delete("acme", "rotations/m365/secret").proven
            for refused in (
                lambda: vault.put("acme", "other", "x"),
                lambda: vault.put("beta", "m365/secret", "x"),
                lambda: vault.put("_msp", "psa/token", "x"),
                lambda: vault.versions("beta", "m365/secret"),
                lambda: vault.delete("acme", "m365/secret"),
                lambda: vault.delete("beta", "rotations/m365/secret"),
            ):
                with pytest.raises(OutOfScope):
                    refused()
    events = [event["name"] for event in place.events("acme", "vault.put")]
    assert events == ["rotations/m365/secret", "m365/secret", "m365/secret"]
    assert len(place.events("acme", "vault.deleted")) == 1
    for path in place.home.path.rglob("*"):
        if path.is_file():
            assert b"canary-new" not in path.read_bytes(), path
