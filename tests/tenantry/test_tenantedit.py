"""One entry of a tenant's file set in its text: the entry as it was meant, every other line as it was."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tenantry.tenantedit import changes, with_entry

FILE = """\
# Acme, since 2019
name: acme
providers:
    # the hosts
    hosts:
        vendor: linux      # ours
        settings: {account: root}

    # Microsoft

    m365:
        vendor: microsoft365
        settings:
            tenant_id: old

# who to call
contacts: []
"""


def test_a_new_entry_comes_last_and_everything_else_stays() -> None:
    after = with_entry(FILE, "providers", "aws", {"vendor": "aws"})
    assert after is not None
    assert yaml.safe_load(after)["providers"]["aws"] == {"vendor": "aws"}
    shown = [
        line
        for line in changes(FILE, after, "acme.yaml").splitlines()
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert shown == ["+    aws:", "+      vendor: aws"]


def test_an_entry_is_replaced_whole() -> None:
    after = with_entry(FILE, "providers", "hosts", {"vendor": "labhosts"})
    assert after is not None
    read = yaml.safe_load(after)
    assert read["providers"]["hosts"] == {"vendor": "labhosts"}
    assert read["providers"]["m365"] == {"vendor": "microsoft365", "settings": {"tenant_id": "old"}}
    assert "# Microsoft" in after
    assert "# who to call" in after


@pytest.mark.parametrize("empty", ["", "providers: {}\n", "providers:\n", "providers:  # none yet\n"])
def test_a_section_that_is_not_there_or_empty(empty: str) -> None:
    after = with_entry(
        f"name: acme\n{empty}domains: [a.example]\n" if empty else "name: acme\n", "providers", "x", {"vendor": "y"}
    )
    assert after is not None
    assert yaml.safe_load(after)["providers"] == {"x": {"vendor": "y"}}


def test_a_section_in_flow_style_is_left_alone() -> None:
    assert with_entry("providers: {m365: {vendor: x}}\n", "providers", "aws", {}) is None


KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(
    st.dictionaries(KEYS, st.dictionaries(KEYS, st.text(max_size=20), max_size=3), max_size=4),
    KEYS,
    st.dictionaries(
        KEYS, st.one_of(st.text(max_size=20), st.lists(st.text(max_size=8), max_size=3)), min_size=1, max_size=3
    ),
)
@example({}, "a", {"a": "\x85"})
@example({"a0": {"a": "\x85"}}, "a", {"a": ""})
@example({"b": {"c": "\u2028 x"}}, "a", {"a": ["\x85", "\x0b"]})
def test_whatever_is_there_the_entry_is_set_and_nothing_else(
    before: dict[str, dict[str, str]], key: str, value: dict[str, object]
) -> None:
    text = yaml.safe_dump({"name": "acme", "providers": before, "zone": "UTC"}, sort_keys=False, allow_unicode=True)
    after = with_entry(text, "providers", key, value)
    assert after is not None
    # As the text has it: the writer puts some characters there in a way in which they are not read again.
    held = yaml.safe_load(text)["providers"]
    assert yaml.safe_load(after) == {"name": "acme", "providers": {**held, key: value}, "zone": "UTC"}


@pytest.mark.parametrize("account", ["034518971650", "012345670123", "123456789012"])
def test_a_number_that_is_a_text_is_one_for_every_reader(account: str) -> None:
    after = with_entry("name: acme\n", "external_ids", "aws", account)
    assert after == f"name: acme\nexternal_ids:\n  aws: '{account}'\n"
