"""On moto. What it does not do: carry deletions out later, throw away versions that nothing labels, refuse more than twenty labels, and leave
a version its own labels when another one becomes current (this is mended here)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import moto.secretsmanager.models
import pytest
from moto import mock_aws
from pydantic import SecretBytes

from integrations.aws_secrets.store import STORE, AwsSecretsSettings, AwsSecretsStore
from tenantry.errors import (
    Conflict,
    InDoubt,
    NotFound,
    PermissionMissing,
    SecretUnreadable,
    SignInFailed,
    StoreUnavailable,
    TenantryError,
)
from tenantry.secretstore import Facts, SecretStore
from tests.conformance.secret_store import CANARY, FACTS, SecretStoreConformance

SETTINGS = {"region": "eu-central-1"}


def made(**more: Any) -> AwsSecretsStore:
    settings = AwsSecretsSettings.model_validate(SETTINGS | more)
    return AwsSecretsStore("aws", settings, lambda _name: SecretBytes(b"AKIAEXAMPLE"), sleep=lambda _s: None)


@pytest.fixture(autouse=True)
def labels_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """PutSecretValue moves AWSCURRENT, AWSPREVIOUS and the labels that it names, and no other."""
    plain = moto.secretsmanager.models.FakeSecret.reset_default_version

    def reset(secret: Any, made: dict[str, Any], id: str) -> None:
        own = {one: [*found["version_stages"]] for one, found in secret.versions.items()}
        before = secret.default_version_id
        plain(secret, made, id)
        if before is not None:
            moved = {"AWSCURRENT", "AWSPREVIOUS", *made["version_stages"]}
            secret.versions[before]["version_stages"] += [one for one in own[before] if one not in moved]

    monkeypatch.setattr(moto.secretsmanager.models.FakeSecret, "reset_default_version", reset)


@pytest.fixture
def store() -> Iterator[SecretStore]:
    with mock_aws():
        opened = made()
        yield opened
        opened.close()


class TestAwsSecrets(SecretStoreConformance):
    deletes_versions = False


def test_a_second_writer_of_the_same_number_fails(store: AwsSecretsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two installations that share a store: the version's id decides, not the look before."""
    store.put("acme", "a", b"first", Facts())
    before = store._describe("acme", "a")
    store.put("acme", "a", b"second", Facts())
    monkeypatch.setattr(store, "_describe", lambda *_a, **_k: before)
    with pytest.raises(Conflict):
        store.put("acme", "a", b"late", Facts(), expect=1)
    monkeypatch.undo()
    assert store.get("acme", "a").value.get_secret_value() == b"second"


def test_versions_are_kept_up_to_the_services_limit(store: AwsSecretsStore) -> None:
    for number in range(1, 25):
        store.put("acme", "a", str(number).encode(), Facts())
    stages = store._describe("acme", "a")["VersionIdsToStages"]
    assert sum(len(labels) for labels in stages.values()) <= 20
    assert store.get("acme", "a", 20).value.get_secret_value() == b"20"


def test_a_deletion_with_a_recovery_window_says_until_when() -> None:
    with mock_aws():
        store = made(recovery_days=7)
        store.put("acme", "a", b"x", Facts())
        done = store.delete("acme", "a")
        assert not done.proven
        assert done.recoverable_until is not None
        assert store.list("acme") == []
        assert store.put("acme", "a", b"y", Facts(), expect=0).version == 3  # the second one is the deletion
        assert store.get("acme", "a").value.get_secret_value() == b"y"
        assert [found.version for found in store.versions("acme", "a")] == [3]
        with pytest.raises(NotFound):
            store.get("acme", "a", 1)
        assert "v1" not in str(store._describe("acme", "a")["VersionIdsToStages"]), "the service throws it away"


class Killed(Exception):
    """As kill -9 would."""


@pytest.mark.parametrize("at", ["restore_secret", "put_secret_value"])
def test_killed_while_it_is_stored_anew_what_was_deleted_stays_deleted(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mock_aws():
        store = made(recovery_days=7)
        store.put("acme", "a", CANARY.encode(), FACTS)
        store.delete("acme", "a")
        with monkeypatch.context() as patch:
            _dies(patch, store, at)
            with pytest.raises(Killed):
                store.put("acme", "a", b"y", Facts(), expect=0)
        _is_gone(store)
        assert store.put("acme", "a", b"y", Facts(), expect=0).version == 3
        assert store.get("acme", "a").value.get_secret_value() == b"y"
        assert [found.version for found in store.versions("acme", "a")] == [3]
        assert [found.name for found in store.list("acme")] == ["a"]


def test_killed_while_it_is_deleted_it_is_gone_and_the_next_deletion_finishes(monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws():
        store = made(recovery_days=7)
        store.put("acme", "a", CANARY.encode(), FACTS)
        with monkeypatch.context() as patch:
            _dies(patch, store, "delete_secret")
            with pytest.raises(Killed):
                store.delete("acme", "a")
        _is_gone(store)
        assert "DeletedDate" not in store._describe("acme", "a"), "but the service keeps it"
        assert store.delete("acme", "a").recoverable_until is not None
        _is_gone(store)
        with pytest.raises(NotFound):
            store.delete("acme", "a")


def test_a_value_that_comes_while_it_is_deleted_is_not_deleted_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws():
        store = made(recovery_days=7)
        store.put("acme", "a", b"first", Facts())
        before = store._describe("acme", "a")
        store.put("acme", "a", b"second", Facts())
        monkeypatch.setattr(store, "_describe", lambda *_a, **_k: before)
        with pytest.raises(Conflict):
            store.delete("acme", "a")
        monkeypatch.undo()
        assert store.get("acme", "a").value.get_secret_value() == b"second"


def _dies(patch: pytest.MonkeyPatch, store: AwsSecretsStore, at: str) -> None:
    """At that call: what restores is done and nothing after it, everything else is not done."""
    plain = store._call

    def call(operation: str, **given: Any) -> Any:
        if operation != at:
            return plain(operation, **given)
        if operation == "restore_secret":
            plain(operation, **given)
        raise Killed

    patch.setattr(store, "_call", call)


def _is_gone(store: AwsSecretsStore) -> None:
    for version in (None, 1, 2):
        with pytest.raises(NotFound):
            store.get("acme", "a", version)
    assert store.list("acme") == []
    assert store.versions("acme", "a") == ()


def test_a_value_that_is_refused_brings_back_nothing_that_was_deleted() -> None:
    with mock_aws():
        store = made(recovery_days=7)
        store.put("acme", "a", b"deleted", Facts())
        store.delete("acme", "a")
        with pytest.raises(Conflict):
            store.put("acme", "a", b"y", Facts(), expect=1)
        assert store.list("acme") == []
        with pytest.raises(NotFound):
            store.get("acme", "a")


def test_what_others_put_there_is_not_handed_out(store: AwsSecretsStore) -> None:
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="eu-central-1")
        client.create_secret(Name="tenantry/acme/foreign", SecretString="whatever")
        with pytest.raises(SecretUnreadable):
            store.get("acme", "foreign")


def test_another_tenants_value_under_this_name_is_not_handed_out(store: AwsSecretsStore) -> None:
    store.put("beta", "a", CANARY.encode(), Facts())
    store.put("acme", "a", b"mine", Facts())
    moved = store._call("get_secret_value", SecretId="tenantry/beta/a")["SecretString"]
    token = f"tenantry-{2:010d}-{'0' * 32}"
    store._call("put_secret_value", SecretId="tenantry/acme/a", SecretString=moved, ClientRequestToken=token)
    with pytest.raises(SecretUnreadable) as error:
        store.get("acme", "a")
    assert CANARY not in str(error.value)


def answer(code: str, status: int = 400) -> botocore.exceptions.ClientError:
    meta = {"HTTPStatusCode": status, "RequestId": "r-1"}
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": CANARY}, "ResponseMetadata": meta}, "X")


@pytest.mark.parametrize(
    ("raised", "operation", "expected"),
    [
        (answer("AccessDeniedException"), "get_secret_value", PermissionMissing),
        (answer("UnrecognizedClientException"), "get_secret_value", SignInFailed),
        (answer("InternalServiceError", 500), "put_secret_value", StoreUnavailable),
        (answer("ThrottlingException"), "get_secret_value", StoreUnavailable),
        (answer("SomethingNew", 503), "get_secret_value", StoreUnavailable),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), "put_secret_value", StoreUnavailable),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), "put_secret_value", InDoubt),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), "get_secret_value", StoreUnavailable),
        (botocore.exceptions.NoCredentialsError(), "get_secret_value", SignInFailed),
    ],
)
def test_every_trouble_is_typed_and_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, operation: str, expected: type[TenantryError]
) -> None:
    class Client:
        def __getattr__(self, name: str) -> Any:
            def call(**_: Any) -> Any:
                raise raised

            return call

    store = made()
    monkeypatch.setattr(store, "_client", Client)
    with pytest.raises(expected) as error:
        store._call(operation, SecretId="tenantry/acme/a")
    assert error.value.remedy
    assert CANARY not in f"{error.value} {error.value.detail}"


def test_without_a_credential_named_the_machines_own_is_used() -> None:
    with mock_aws():
        opened = STORE.open("aws", SETTINGS, lambda _name: None)
        assert opened.list("acme") == []
