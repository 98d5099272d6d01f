"""Message templates: what they make of facts, what they are kept from, and what they may cost."""

from __future__ import annotations

import datetime as dt
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import InvalidRunbook, NotFound
from tenantry.runbook.templates import MAX_FACT, MAX_OUTPUT, MAX_SUBJECT, TemplateFailed, Templates, render


def text(template: str, **facts: Any) -> str:
    return render(f"Subject: s\n\n{template}", facts).text.removesuffix("\n")


def fails(template: str, **facts: Any) -> str:
    with pytest.raises(TemplateFailed) as caught:
        text(template, **facts)
    assert caught.value.code == "template_failed"
    return caught.value.message


def refused(template: str) -> str:
    with pytest.raises(InvalidRunbook) as caught:
        render(template, {})
    return str(caught.value)


def test_a_template_makes_a_subject_and_a_text() -> None:
    made = render("Subject: About {{ account }}\n\nHello,\n\n{{ account }} is safe.\n", {"account": "a@b.c"})
    assert (made.subject, made.text) == ("About a@b.c", "Hello,\n\na@b.c is safe.\n")


def test_loops_and_conditions_leave_no_gaps() -> None:
    template = "Known:\n{% for f in facts %}\n- {{ f.name }}: {{ f.state }}\n{% endfor %}\n{% if open %}\nOpen.\n{% endif %}\nEnd."
    assert text(template, facts=[{"name": "a", "state": True}, {"name": "b", "state": None}], open=False) == (
        "Known:\n- a: yes\n- b: not known\nEnd."
    )


@pytest.mark.parametrize(
    ("template", "facts", "made"),
    [
        ("{{ a | default('?') }}", {}, "?"),
        ("{{ a | default('?', true) }}", {"a": ""}, "?"),
        ("{{ a | join }}", {"a": ["x", 2, None, True]}, "x, 2, not known, yes"),
        ("{{ a | join(' / ') }}", {"a": ["x", "y"]}, "x / y"),
        ("{{ a | utc }}", {"a": "2026-11-21T09:05:00+01:00"}, "21 November 2026, 08:05 UTC"),
        ("{{ a | date }}", {"a": "2026-01-02T00:00:00Z"}, "2 January 2026"),
        ("{{ a }}", {"a": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}, "2 January 2026, 00:00 UTC"),
        ("{{ a | length }} {{ a[0] }} {{ a | last }}", {"a": [1, 2, 3]}, "3 1 3"),
        ("{% if a is defined %}x{% else %}y{% endif %}", {}, "y"),
        (
            "{% for x in a %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}",
            {"a": ["p", "q"]},
            "1p, 2q",
        ),
        ("{% for x in a %}{{ x }}{% else %}none{% endfor %}", {"a": []}, "none"),
        ("{{ a.items }} {{ a.keys }}", {"a": {"items": 1, "keys": 2}}, "1 2"),
        ("{{ a.b.c }}", {"a": {"b": {"c": 1}}}, "1"),
        ("<b>{{ a }}</b>", {"a": "<i>&"}, "<b><i>&</b>"),
    ],
)
def test_what_a_template_may_say(template: str, facts: dict[str, Any], made: str) -> None:
    assert text(template, **facts) == made


# --- attackers choose the facts ---------------------------------------------------------------------------------------


def test_a_fact_forges_neither_a_line_nor_a_subject() -> None:
    name = "Bob\r\nBcc: all@x.y\n\nPlease pay\u2028to IBAN\x85now"
    made = render("Subject: {{ name }}\n\n{{ name }}\n", {"name": name})
    assert made.subject == "Bob Bcc: all@x.y Please pay to IBAN now"
    assert made.text == "Bob Bcc: all@x.y Please pay to IBAN now\n"


def test_a_fact_keeps_its_lines_only_behind_quote_marks() -> None:
    assert text("{{ note | quoted }}", note="one\n\ntwo\r\nthree") == "> one\n>\n> two\n> three"


def test_a_fact_hides_and_reverses_nothing() -> None:
    assert text("{{ a }}", a="gpj\u202e.exe\u200b\u2066x\u2069\x00\x1b[31m\ufeff") == "gpj.exex[31m"
    assert text("{{ a.k }} {% for k in a %}{{ k }}{% endfor %}", a={"k": "\u202dz", "\u202ey": 1}) == "z ky"


def test_scripts_and_emoji_survive() -> None:
    for name in ("Zoë Åström", "مريم", "李雷", "👩\u200d💻", "क्\u200dष"):
        assert text("{{ a }}", a=name) == name


def test_a_fact_is_never_a_template() -> None:
    assert text("{{ a }}", a="{{ 7 + 7 }}{% for x in y %}") == "{{ 7 + 7 }}{% for x in y %}"


@given(st.text(), st.text())
def test_any_name_gives_one_clean_line(name: str, key: str) -> None:
    made = render("Subject: x {{ name }}\n\n[{{ name }}]\n", {"name": name, key: 1})
    assert len(made.subject) <= MAX_SUBJECT
    for part in (made.subject, made.text.removesuffix("\n")):
        assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in part)
        assert not any(c in part for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
        assert part.splitlines() == [part]


def test_a_long_fact_is_cut() -> None:
    assert text("{{ a }}", a="x" * 10_000) == "x" * (MAX_FACT - 1) + "…"
    assert len(render("Subject: {{ a }}\n", {"a": "x" * 1_000}).subject) == MAX_SUBJECT


# --- what is missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "facts"),
    [
        ("{{ a }}", {}),
        ("{{ a.b }}", {"a": {}}),
        ("{{ a.b.c }}", {"a": {}}),
        ("{% if a %}{% endif %}", {}),
        ("{{ a[3] }}", {"a": [1]}),
        ("{{ a.b }}", {"a": "text"}),
        ("{{ a.b }}", {"a": None}),
        ("{{ a | utc }}", {"a": "yesterday"}),
        ("{{ a | utc }}", {"a": "2026-01-01T00:00:00"}),
        ("{{ a | join }}", {"a": 3}),
        ("{{ a | join }}", {"a": "text"}),
        ("{{ a | sort }}", {"a": [1, "x"]}),
        ("{{ a + 1 }}", {"a": "x"}),
        ("{{ a }}", {"a": object()}),
        ("{{ a }}", {"a": dt.datetime(2026, 1, 1)}),  # noqa: DTZ001  # naive on purpose
        ("{% for x in a %}{% endfor %}", {"a": 3}),
    ],
)
def test_a_fact_that_is_missing_or_does_not_fit_fails(template: str, facts: dict[str, Any]) -> None:
    fails(template, **facts)


def test_a_failure_names_the_fact_and_repeats_no_value() -> None:
    assert "'when'" in fails("{{ when }}")
    assert "hunter2" not in fails("{{ a | utc }}", a="hunter2")


def test_an_empty_subject_fails() -> None:
    with pytest.raises(TemplateFailed, match="subject"):
        render("Subject: {{ a }}\n\nx\n", {"a": "\u200b \n"})


# --- the sandbox ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "{{ a() }}",
        "{{ a.upper() }}",
        "{{ ''.join(a) }}",
        "{{ range(10) }}",
        "{{ 'x' * 1000000000 }}",
        "{{ 2 ** 9999999 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ a // 0 }}",
        "{% set a = 1 %}",
        "{% set a %}x{% endset %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% block b %}{% endblock %}",
        "{% call m() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{% with %}{% endwith %}",
        "{% autoescape true %}{% endautoescape %}",
        "{% for x in a recursive %}{{ loop(x) }}{% endfor %}",
        "{{ a | format(1) }}",
        "{{ a | attr('__class__') }}",
        "{{ a | map(attribute='__class__') }}",
        "{{ a | center(1000000000) }}",
        "{{ a | safe }}",
        "{{ a | _budget }}",
        "{{ _budget }}",
        "{{ __class__ }}",
        "{{ self }}",
        "{{ a is callable }}",
        "{{ {'a': 1} }}",
        "{{ a[1:2] }}",
        "{{ a",
        "{% if a %}",
        "{% nope %}",
        "{{ " + "(" * 600 + "1" + ")" * 600 + " }}",
        "x" * 40_000,
    ],
)
def test_what_a_template_may_not_say_is_refused_when_it_is_read(body: str) -> None:
    assert refused(f"Subject: s\n\n{body}\n").startswith("template:")


@pytest.mark.parametrize(
    "expression",
    [
        "a.__class__",
        "a['__class__']",
        "a.upper",
        "a.format",
        "l.append",
        "d.items",
        "d['__init__']",
        "loop",
        "n.real",
        "l.__len__",
    ],
)
def test_no_attribute_is_within_reach(expression: str) -> None:
    fails(f"{{{{ {expression} }}}}", a="text", l=[1], d={}, n=1)


def test_the_first_line_is_the_subject() -> None:
    for template in ("Hello\n", "Subject:\n\nx", "\nSubject: x\n"):
        assert "Subject" in refused(template)


def test_a_complaint_names_the_line() -> None:
    assert refused("Subject: s\n\na\n{{ b() }}\n").startswith("template:4:")
    assert refused("Subject: s\n\na\nb\n{% if %}\n").startswith("template:5:")
    assert refused("Subject: {{ a() }}\n").startswith("template:1:")


def test_a_template_cannot_run_for_long_or_write_much() -> None:
    """Without the limits the first of these would take hours."""
    loops = "{% for x in l %}{% for y in l %}{% for z in l %}{% endfor %}{% endfor %}{% endfor %}"
    assert "loops" in fails(loops, l=list(range(1_000)))
    assert "loops" in fails(
        "{% for x in l %}{% if x in l %}{% endif %}{% for y in l | sort %}{% endfor %}{% endfor %}",
        l=list(range(1_000)),
    )
    assert str(MAX_OUTPUT) in fails("{% for x in l %}{{ a }}{% endfor %}", l=list(range(100)), a="x" * 4_000)
    assert str(MAX_OUTPUT) in fails("{{ l | join }}", l=["x" * 4_000] * 20)
    assert "facts" in fails("x", l=[0] * 30_000)


# --- folders ----------------------------------------------------------------------------------------------------------


def test_the_first_folder_that_has_a_name_wins(tmp_path: Path) -> None:
    own, shipped = tmp_path / "own", tmp_path / "shipped"
    own.mkdir()
    shipped.mkdir()
    (shipped / "first.md").write_text("Subject: shipped\n")
    (shipped / "second.md").write_text("Subject: shipped\n")
    (own / "first.md").write_text("Subject: own\n")
    templates = Templates([own, tmp_path / "absent", shipped])
    assert templates.names() == ["first", "second"]
    assert templates.render("first", {}).subject == "own"
    assert render("second", {}, templates).subject == "shipped"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Subject: one\n")
    templates = Templates([tmp_path])
    assert templates.render("a", {}).subject == "one"
    (tmp_path / "a.md").write_text("Subject: two\n")
    assert templates.render("a", {}).subject == "two"


@pytest.mark.parametrize("name", ["nope", "../secret", "/etc/passwd", "a/b", "", ".", "A", "a.md"])
def test_a_name_that_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.md").write_text("Subject: x\n")
    folder = tmp_path / "messages"
    folder.mkdir()
    with pytest.raises(NotFound):
        Templates([folder]).render(name, {})


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"Subject: \xff\n")
    with pytest.raises(InvalidRunbook, match=r"a\.md:1"):
        Templates([tmp_path]).render("a", {})


def test_the_facts_it_cannot_do_without_are_known(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "Subject: {{ a }}\n\n{% for x in b %}{{ x.y }}{{ loop.index }}{% endfor %}{{ c | default('-') }}{% if d is defined %}{{ d }}{% endif %}\n"
    )
    assert Templates([tmp_path]).facts_needed("a") == {"a", "b"}
