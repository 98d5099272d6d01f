"""Names and references: one spelling each, and nothing that climbs out of a folder or a key."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tenantry.errors import InvalidInput
from tenantry.names import MSP, ROLES, SecretRef, TenantName, check_person, check_secret_name, check_tenant


@pytest.mark.parametrize("name", ["acme", "3m", "a", "a-b", "x" * 63, MSP])
def test_tenant_names(name: str) -> None:
    assert check_tenant(name) == name


@pytest.mark.parametrize(
    "name", ["", "Acme", "-a", "a-", "a_b", "_other", "a/b", "..", "a\n", "a\0", "x" * 64, "acme ", "ä"]
)
def test_what_is_no_tenant(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_tenant(name)


def test_people_and_secrets() -> None:
    assert check_person("ann.lee") == "ann.lee"
    assert check_secret_name("people/ann.lee/totp") == "people/ann.lee/totp"
    for bad in ["", "a/", "/a", "a//b", "../b", "a/..", "a b", "a\n", "a\0b", "/".join("a" * 9), "x" * 300]:
        with pytest.raises(InvalidInput):
            check_secret_name(bad)
    for bad in ["", ".", "Ann", "a/b", "ann\n", "_msp"]:
        with pytest.raises(InvalidInput):
            check_person(bad)


def test_the_roles() -> None:
    assert ROLES == ("engineer", "lead", "approver", "auditor")


class Holder(BaseModel):
    tenant: TenantName = "acme"
    secret: SecretRef


def test_a_reference_is_text_in_files_and_results() -> None:
    holder = Holder.model_validate({"secret": "vault:acme/m365/app"})
    assert holder.secret == SecretRef("acme", "m365/app")
    assert holder.model_dump() == {"tenant": "acme", "secret": "vault:acme/m365/app"}
    assert json.loads(holder.model_dump_json())["secret"] == str(holder.secret)
    assert Holder(secret=holder.secret) == holder
    schema = Holder.model_json_schema()
    jsonschema.validate(holder.model_dump(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"secret": "hunter2"}, schema)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2-canary",
        "vault:canary",
        "vault:canary/",
        "vault:/x",
        "vault:Acme/x",
        "vault:_x/y",
        "VAULT:acme/x",
        "vault:acme/a b",
    ],
)
def test_what_is_no_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SecretRef.parse(text)
    assert text not in str(caught.value)
    with pytest.raises(ValidationError, match="must be a reference"):
        Holder.model_validate({"secret": text})


def test_other_types_are_no_references() -> None:
    with pytest.raises(ValidationError, match="must be a reference"):
        Holder.model_validate({"secret": 5})


@given(st.text())
def test_a_parsed_reference_is_written_the_same(text: str) -> None:
    try:
        parsed = str(SecretRef.parse(f"vault:{text}"))
    except InvalidInput:
        return
    assert parsed == f"vault:{text}"
