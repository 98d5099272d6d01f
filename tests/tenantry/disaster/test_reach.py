"""A real name is found wherever it stands, and nothing else is taken for it."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from tenantry.disaster.plan import Plan
from tenantry.disaster.reach import RealNames
from tests.support.disaster import plan_text

WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
hosts = st.from_regex(r"[a-z][a-z0-9-]{1,10}(\.[a-z][a-z0-9-]{1,8}){0,3}", fullmatch=True)
edges = st.text(st.sampled_from("/:@,;=?&#[](){}\"' |.$\n")).filter(lambda text: text)
around = st.tuples(st.text(max_size=12), edges, edges, st.text(max_size=12))


def names(real: str, scratch: str) -> RealNames:
    page = {"kind": "http", "url": f"https://{real}/shop", "contains": "x"}
    systems = {"made": {"primary": "primary-site", "recovery": "recovery-site", "primary_health": [page]}}
    text = plan_text(systems, drill={"scratch": {f"https://{real}/": scratch}})
    return RealNames(Plan.model_validate_json(text))


def within(parts: tuple[str, str, str, str], name: str) -> str:
    before, left, right, after = parts
    return f"{before}{left}{name}{right}{after}"


@given(hosts, hosts, around, st.booleans())
def test_a_real_host_is_found_in_whatever_it_stands(
    real: str, scratch: str, parts: tuple[str, str, str, str], loud: bool
) -> None:
    assume(real not in scratch)
    found = names(real, f"https://{scratch}/").found_in(within(parts, real.upper() if loud else real))
    assert found is not None


@given(hosts, st.text(WORD, min_size=1, max_size=3), st.text(WORD, max_size=3))
def test_another_name_that_has_it_in_it_is_another(real: str, before: str, after: str) -> None:
    assume(not any(word in ("made", "made.old") for word in (f"{before}{real}{after}", real)))
    assert names(real, "other.scratch").found_in(f"x {before}{real}{after} y") is None


@given(hosts, around)
def test_a_scratch_target_may_stand_anywhere_though_a_real_name_is_part_of_it(
    real: str, parts: tuple[str, str, str, str]
) -> None:
    known = names(real, f"{real}.scratch")
    assume(known.found_in(within(parts, "x")) is None)
    assert known.found_in(within(parts, f"{real}.scratch")) is None
    assert known.found_in(within(parts, f"{real}.scratch {real}")) is not None
    assert known.found_in(within(parts, f"{real}.scratchy")) is not None


def test_a_scratch_name_that_is_part_of_a_real_one_hides_nothing() -> None:
    assert names("www.acme.example", "acme").found_in("ssh://www.acme.example") == "www.acme.example"
