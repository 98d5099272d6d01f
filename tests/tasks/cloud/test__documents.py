from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.cloud._documents import account_of, principals_of, statements, with_deny_delete, without_principals

names = st.sampled_from(["arn:aws:iam::111122223333:root", "444455556666", "*", "AROA123"])
principal = st.one_of(
    names.map(lambda name: {"AWS": name}),
    st.lists(names, min_size=1, max_size=3, unique=True).map(lambda many: {"AWS": many}),
    st.just({"Service": "ec2.amazonaws.com"}),
    st.just("*"),
)
statement = st.fixed_dictionaries({"Effect": st.sampled_from(["Allow", "Deny"]), "Principal": principal})
documents = st.one_of(statement, st.lists(statement, max_size=4)).map(lambda found: {"Statement": found})


@given(documents, st.lists(names, max_size=3))
def test_without_somebody_everybody_else_is_still_there(document: dict[str, Any], gone: list[str]) -> None:
    after = without_principals(document, gone)
    assert principals_of(after) & set(gone) <= {"*"} & principals_of(after)
    assert principals_of(document) - set(gone) <= principals_of(after)
    denied = [one for one in statements(document) if one["Effect"] == "Deny"]
    assert [one for one in statements(after) if one["Effect"] == "Deny"] == denied
    assert without_principals(after, gone)["Statement"] == after["Statement"]


@given(documents)
def test_protecting_keeps_what_was_there_and_twice_is_as_once(document: dict[str, Any]) -> None:
    once = with_deny_delete(document, "files")
    assert statements(once)[:-2] == statements(document)
    assert with_deny_delete(once, "files") == once


def test_accounts_of_principals() -> None:
    assert account_of("arn:aws:iam::111122223333:role/x") == "111122223333"
    assert account_of("111122223333") == "111122223333"
    assert account_of("*") == account_of("AROA123") == ""
