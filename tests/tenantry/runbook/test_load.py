"""Loading a runbook: what it is when it loads, and every complaint with its line when it does not."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.discovery import TaskRegistry
from tenantry.errors import InvalidRunbook
from tenantry.runbook import Runbook, Templates, keep_checked, load_runbook, parse_runbook, pinned_runbook
from tenantry.yamlpos import Limits
from tests.tenantry.runbook.fakes import ACT, DEMO, HEAD, LOOK, REGISTRY, Find


def load(text: str, templates: Templates | None = None) -> Runbook:
    return parse_runbook(text, "demo.yaml", REGISTRY, templates)


def complaints(text: str, templates: Templates | None = None) -> list[str]:
    with pytest.raises(InvalidRunbook) as caught:
        load(text, templates)
    lines = str(caught.value).split("\n")
    assert all(re.match(r"demo\.yaml:\d+: \S", line) for line in lines), lines
    return lines


def one(text: str, templates: Templates | None = None) -> tuple[int, str]:
    """The single complaint: its line, and what it says."""
    lines = complaints(text, templates)
    assert len(lines) == 1, lines
    _, line, sentence = lines[0].split(":", 2)
    return int(line), sentence.strip()


def line_of(text: str, part: str) -> int:
    """The number of the first line that contains ``part``."""
    return min(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def step(**fields: Any) -> str:
    """A step of the act phase in flow style."""
    inner = ", ".join(
        f"{name.rstrip('_')}: {value}" for name, value in {"id": "extra", "phase": "act", **fields}.items()
    )
    return f"  - {{{inner}}}\n"


# --- what loads -------------------------------------------------------------------------------------------------------


def test_a_runbook_knows_its_steps_text_and_digest() -> None:
    runbook = load(DEMO)
    assert (runbook.id, runbook.version, runbook.kind) == ("demo", "1", "incident")
    assert [s.id for s in runbook.steps] == ["find", "block"]
    assert runbook.text == DEMO
    assert runbook.digest == hashlib.sha256(DEMO.encode()).hexdigest()
    assert runbook.step("find").with_ == {"account": "${params.account}", "limit": 5}
    assert load(runbook.text) == runbook


def test_a_reference_is_a_need() -> None:
    runbook = load(
        DEMO + step(uses="fake.find", with_="{account: a}", needs="[block]", when="'steps.find.output.count > 0'")
    )
    assert runbook.upstream("find") == ()
    assert runbook.upstream("block") == ("find",)
    assert runbook.upstream("extra") == ("block", "find")


def test_the_order_follows_needs_and_then_the_file() -> None:
    text = HEAD + (
        "  - {id: c, phase: act, uses: fake.find, with: {account: x}, needs: [a]}\n"
        "  - {id: d, phase: act, uses: fake.find, with: {account: x}}\n"
        "  - {id: a, phase: look, uses: fake.find, with: {account: x}}\n"
        "  - {id: b, phase: look, uses: fake.find, with: {account: x}}\n"
    )
    assert [s.id for s in load(text).order()] == ["d", "a", "c", "b"]


def test_a_message_becomes_a_step_of_its_own() -> None:
    text = (
        HEAD
        + LOOK
        + ACT.rstrip()
        + (
            "\n    when: params.count > 1\n    message:\n      to: [primary, security]\n      template: contained\n"
            '      with: {account: "${params.account}", found: "${steps.find.output.count}"}\n'
        )
    )
    runbook = load(text)
    assert [s.id for s in runbook.steps] == ["find", "block", "block.message"]
    told = runbook.step("block.message")
    assert told.is_message
    assert not runbook.step("block").is_message
    assert told.uses == "messenger.notify"
    assert told.with_ == {
        "template": "contained",
        "to": ["primary", "security"],
        "facts": {"account": "${params.account}", "found": "${steps.find.output.count}"},
    }
    assert (told.phase, told.when, told.on_failure) == ("act", "params.count > 1", "continue")
    assert runbook.upstream("block.message") == ("block", "find")


def test_a_file_is_called_as_its_runbook(tmp_path: Path) -> None:
    good, other = tmp_path / "demo.yaml", tmp_path / "other.yaml"
    good.write_text(DEMO)
    other.write_text(DEMO)
    assert load_runbook(good, REGISTRY).text == DEMO
    with pytest.raises(InvalidRunbook, match=r"other\.yaml:1: the id is the file's name, 'other'"):
        load_runbook(other, REGISTRY)


def test_a_file_that_cannot_be_read_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRunbook, match=r"nothing\.yaml: cannot be read"):
        load_runbook(tmp_path / "nothing.yaml", REGISTRY)
    bad = tmp_path / "demo.yaml"
    bad.write_bytes(b"id: demo\ntitle: \xff\n")
    with pytest.raises(InvalidRunbook, match=r"demo\.yaml:2: this is not UTF-8"):
        load_runbook(bad, REGISTRY)
    bad.write_bytes(b"#" * (Limits().bytes + 1))
    with pytest.raises(InvalidRunbook, match="longer than"):
        load_runbook(bad, REGISTRY)


def test_the_digest_is_of_the_text_with_its_own_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_bytes(DEMO.replace("\n", "\r\n").encode())
    assert load_runbook(path, REGISTRY).digest == hashlib.sha256(path.read_bytes()).hexdigest()


# --- what is refused --------------------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        HEAD.replace("kind: incident", "kind: accident").replace("default: 3", "default: three")
        + LOOK.replace("fake.find", "fake.fnd")
        + ACT.replace("params.severity", "params.sevrity").replace("expect_at_most: 5", "expect_at_most: -1")
    )
    lines = complaints(text)
    assert [int(line.split(":")[1]) for line in lines] == [
        line_of(text, "kind:"),
        line_of(text, "  count:"),
        line_of(text, "fake.fnd"),
        line_of(text, "sevrity"),
        line_of(text, "expect_at_most"),
    ]
    assert "did you mean fake.find" in lines[2]
    assert "did you mean severity" in lines[3]


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("title: Demo", "title: Demo\ntitel: x", "titel", "unknown field"),
        ("title: Demo", "title: Demo\ntitle: x", "title: x", "twice"),
        ("version: 1", "version: 1.5", "version", "version"),
        ("id: demo", "id: De-mo", "id: De", "pattern"),
        ("phases: [look, act]", "phases: [look, act, rest]", "phases", "no step is in the phase 'rest'"),
        ("phases: [look, act]", "phases: [look, act, look]", "phases", "named twice"),
        ("uses: fake.find", "uses: fake.fin", "fake.fin", "there is no task 'fake.fin'; did you mean fake.find"),
        ("limit: 5", "limits: 5", "limits", "fake.find has no parameter 'limits'; did you mean limit"),
        ("limit: 5", "limit: '5'", "limit", "limit: input should be a valid integer"),
        ("limit: 5", "limit: 500", "limit", "less than or equal to 100"),
        ("limit: 5", "since: yesterday", "since: y", "since: "),
        ("limit: 5", 'limit: "${params.ips}"', "limit", "`params.ips` is a list, and this takes a whole number"),
        ("limit: 5", 'limit: "${params.nope}"', "nope", "there is no parameter 'nope'"),
        ("limit: 5", 'limit: "${params.count.x}"', "limit", "no fields"),
        ("limit: 5", 'limit: "${item}"', "limit", "`item` is there only"),
        ("limit: 5", 'limit: "${run.count}"', "limit", "`run` has no field 'count'"),
        ("limit: 5", 'limit: "${steps.nope.output}"', "limit", "there is no step 'nope'"),
        ("limit: 5", 'limit: "${1 +}"', "limit", "not a valid CEL"),
        ("limit: 5", 'limit: "${now()}"', "limit", "unknown function 'now'"),
        ("limit: 5", 'limit: "${env}"', "limit", "unknown variable 'env'"),
        ("${params.account}", "the ${params.account}", "the ${", "message template"),
        ("level: high", "level: highest", "level", "level: "),
        ("level: high", "places: [{folder: a, dept: 1}]", "places", "dept: extra inputs"),
        ("level: high", 'places: [{folder: "${item.id}", dept: 1}]', "places", "no field 'dept'"),
        ("level: high", 'places: [{folder: "${item.id}", depth: x}]', "places", "depth"),
        ("level: high", '"${a}": 1', "${a}", "a key is no place"),
        ("plain]", "7]", "ids:", "ids.1: input should be a valid string"),
        ("item.id", "item.upn", "item.upn", "no field 'upn'; there are id, score, tags"),
        ("a.score > 0.5", "a.points > 0.5", "points", "no field 'points'"),
        ("output.accounts.filter", "output.acounts.filter", "acounts", "the output of 'find' (fake.find): it has no field 'acounts'"),
        ("steps.find.output.accounts.filter(a, a.score > 0.5)", "steps.find.output.count", "for_each", "is a whole number, and this takes a list"),
        ("steps.find.output.accounts.filter(a, a.score > 0.5)", "steps.find.output.accounts.id", "for_each", "is a list; read an element"),
        ("steps.find.output.accounts.filter(a, a.score > 0.5)", "steps.find.items", "for_each", "read `steps.find.output`"),
        ("steps.find.output.accounts.filter(a, a.score > 0.5)", "steps.find.result", "for_each", "outcome, output and items"),
        ("for_each: steps", "for_each: ${steps", "for_each", "without `${ }`"),
        ("    expect_at_most: 5\n", "", "for_each", "say with `expect_at_most` how many"),
        ("uses: fake.block", "uses: fake.wipe", "fake.wipe", "needs `approve`"),
        ("uses: fake.find", "uses: fake.find\n    approve: {role: lead}", "approve", "only reads: there is nothing to approve"),
        ("uses: fake.find", "uses: fake.find\n    expect_at_most: 3", "expect_at_most: 3", "belongs to effects"),
        ("uses: fake.find", "uses: fake.find\n    on_failure: undo", "on_failure", "nothing to undo"),
        ("uses: fake.block", "uses: fake.reset\n    on_failure: undo", "on_failure", "cannot be undone: the old one is not kept"),
        ("uses: fake.block", "uses: fake.block\n    on_failure: retry", "on_failure", "on_failure"),
        ("uses: fake.block", "uses: fake.block\n    timeout: soon", "timeout", "a duration is written like"),
        ("uses: fake.block", "uses: fake.block\n    timeout: 0s", "timeout", "a duration is written like"),
        ("uses: fake.block", "uses: fake.block\n    approve: {role: boss}", "approve", "role"),
        ("uses: fake.block", "uses: fake.block\n    approve: {role: lead, expires_in: 4 hours}", "approve", "a duration"),
        ("uses: fake.block", "uses: fake.block\n    when: false", "when", "can never run"),
        ("uses: fake.block", "uses: fake.block\n    when: 1 > 2", "when", "can never run"),
        ("uses: fake.block", "uses: fake.block\n    when: '1 + 1'", "when", "true or false"),
        ("uses: fake.block", "uses: fake.block\n    when: params.count", "when", "takes a boolean"),
        ("uses: fake.block", "uses: fake.block\n    when: item.score > 1.0", "when", "`item` is there only"),
        ("uses: fake.block", "uses: fake.block\n    when: '${true}'", "when", "without `${ }`"),
        ("uses: fake.find", "uses: fake.find\n    key: item.id", "key", "belongs to `for_each`"),
        ("uses: fake.find", "uses: fake.find\n    needs: [nope]", "needs", "there is no step 'nope'"),
        ("uses: fake.find", "uses: fake.find\n    needs: [find]", "needs", "needs itself"),
        ("uses: fake.find", "uses: fake.find\n    needs: [block]", "needs", "these steps need each other: find → block → find"),
        ("limit: 5", 'limit: "${size(steps.block.items)}"', "id: find", "these steps need each other: find → block → find"),
        ("limit: 5", 'limit: "${steps.find.output.count}"', "id: find", "reads itself"),
        ("version: 1", "version: 1\nsubject: '${steps.find.outcome}'", "subject", "`steps` is not known here"),
        ("version: 1", "version: 1\nsubject: 'Account ${params.account}'", "subject", "message template"),
        ("version: 1", "version: 1\nattack: [phishing]", "attack", "pattern"),
        ("{type: account}", "{type: person}", "account:", "type"),
        ("{type: account}", "{type: account, pattern: '('}", "account:", "pattern"),
        ("default: high", "default: middle", "severity", "the default "),
        ("{type: integer, default: 3}", "{type: integer, default: 3, choices: [a]}", "  count:", "`choices` belongs"),
        ("{type: integer, default: 3}", "{type: integer, default: 3, min: 4}", "  count:", "the default "),
    ],
)  # fmt: skip
def test_one_mistake_is_one_complaint_at_its_line(old: str, new: str, at: str, says: str) -> None:
    assert old in DEMO
    text = DEMO.replace(old, new, 1)
    line, sentence = one(text)
    assert says in sentence
    assert line == line_of(text, at)


def test_an_id_stands_for_one_step() -> None:
    twice = DEMO + LOOK
    assert one(twice) == (line_of(DEMO, "expect_at_most") + 1, "there are two steps with the id 'find'")


def test_a_word_of_the_expression_language_names_no_step_and_no_parameter() -> None:
    assert "a word that expressions reserve" in complaints(DEMO.replace("id: find", "id: in"))[0]
    assert "a word that expressions reserve" in complaints(DEMO.replace("count:", "import:"))[0]


def test_a_misspelt_phase_is_told_with_the_one_it_leaves_empty() -> None:
    empty, unknown = complaints(DEMO.replace("phase: act", "phase: acts"))
    assert "no step is in the phase 'act'" in empty
    assert "unknown phase 'acts'; did you mean act" in unknown


def test_rules_over_several_parameters_are_checked_when_all_are_literals() -> None:
    text = DEMO + step(uses="fake.block", with_="{account: a, level: low, notify: true}")
    assert "nobody is told of the low level" in one(text)[1]
    assert load(text.replace("account: a, level: low", 'account: a, level: "${params.severity}"'))


def test_missing_parts_are_named() -> None:
    assert "needs the parameter 'account'" in one(DEMO + step(uses="fake.find"))[1]
    assert "phase: is required" in one(DEMO + "  - {id: x, uses: fake.find, with: {account: a}}\n")[1]
    assert {line.split(": ")[-2] for line in complaints("{}")} == {"id", "version", "title", "kind", "phases", "steps"}
    assert one("[]") == (1, "a runbook is a mapping with `id`, `steps` and so on")
    assert one("a: [")[1].startswith("not valid YAML")


def test_a_step_for_each_item_has_items_and_no_output() -> None:
    each = "for_each: params.ips, uses: fake.find, with: {account: '${item}'}"
    good = DEMO + f"  - {{id: each, phase: act, {each}}}\n"
    read = step(
        uses="fake.find",
        with_="{account: x}",
        when="'steps.each.items.exists(i, i.output.count > 1 && i.item == i.key)'",
    )
    assert load(good + read).upstream("extra") == ("each",)
    assert (
        "read `steps.each.items`"
        in one(good + read.replace("steps.each.items.exists(i, i.output", "steps.each.output.accounts.exists(i, i"))[1]
    )
    assert "no field 'nope'" in one(good + read.replace("i.output.count", "i.output.nope"))[1]
    assert "has key, item, outcome, output" in one(good + read.replace("i.item", "i.value"))[1]


def test_an_effect_has_an_outcome_and_no_output() -> None:
    block = step(id="b", uses="fake.block", with_="{account: x}")
    assert load(DEMO + block + step(uses="fake.find", with_="{account: x}", when="'steps.b.outcome == \"changed\"'"))
    _, sentence = one(DEMO + block + step(uses="fake.find", with_="{account: x}", when="'steps.b.output.x == 1'"))
    assert "changes something and has no output" in sentence


def test_fields_are_checked_as_far_as_their_types_are_known() -> None:
    for path, fine in {
        "first.id": True,
        "first.nope": False,
        "by_name.anything.id": True,
        "by_name.anything.nope": False,
        "accounts[0].tags[0]": True,
        "accounts[0].tags[0].x": False,
        "name.x": False,
    }.items():
        text = DEMO + step(
            uses="fake.find",
            with_="{account: x}",
            when=f"'has(steps.find.output.{path}) || params.count == 1'"
            if path[-3:] != "[0]"
            else f"'steps.find.output.{path} == \"a\"'",
        )
        if fine:
            load(text)
        else:
            assert "the output of 'find'" in one(text)[1]


def test_a_human_answer_can_be_read() -> None:
    ask = step(id="ask", uses="human.ask", with_="{question: Really?}")
    assert load(DEMO + ask + step(uses="fake.find", with_="{account: x}", when="'steps.ask.output.answer == \"yes\"'"))
    assert "asks a person" in one(DEMO + step(uses="human.ask", with_="{question: q}", approve="{}"))[1]


def test_a_cycle_is_named_whole_and_once() -> None:
    text = HEAD + (
        "  - {id: a, phase: look, uses: fake.find, with: {account: x}, needs: [c]}\n"
        "  - {id: b, phase: act, uses: fake.find, with: {account: x}, needs: [a]}\n"
        "  - {id: c, phase: act, uses: fake.find, with: {account: x}, when: steps.b.output.clean}\n"
        "  - {id: d, phase: act, uses: fake.find, with: {account: x}, needs: [c]}\n"
    )
    assert one(text)[1] == "these steps need each other: a → c → b → a"


def test_a_reference_to_a_later_step_without_a_cycle_is_fine() -> None:
    text = HEAD + ACT + LOOK
    assert [s.id for s in load(text).order()] == ["find", "block"]


def test_a_wrong_part_of_a_step_does_not_hide_its_other_faults_or_invent_some() -> None:
    text = DEMO.replace("expect_at_most: 5", "expect_at_most: many").replace("item.id", "item.upn")
    lines = complaints(text)
    assert len(lines) == 2
    assert "no field 'upn'" in lines[0]
    assert "expect_at_most" in lines[1]
    assert len(complaints(DEMO.replace("for_each: steps", "for_each: [1]\n    #"))) == 1


def test_an_escaped_dollar_reaches_the_task_as_a_literal() -> None:
    assert load(DEMO.replace("plain]", "'$${x}']"))
    assert "level" in one(DEMO.replace("level: high", "level: '$${x}'"))[1]


def test_no_complaint_repeats_a_value() -> None:
    secret = "hunter2-is-a-secret"
    for old, new in (
        ("limit: 5", f"limit: {secret}"),
        ("title: Demo", f"title: [{secret}]"),
        ("level: high", f"level: {secret}"),
        ("default: 3", f"default: {secret}"),
        ("expect_at_most: 5", f"expect_at_most: {secret}"),
    ):
        assert secret not in "\n".join(complaints(DEMO.replace(old, new)))


# --- messages ---------------------------------------------------------------------------------------------------------

MESSAGE = "    message: {{to: [primary], template: {template}, with: {{{facts}}}}}\n"


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    (tmp_path / "contained.md").write_text(
        "Subject: About {{ account }}\n\n{{ count }}{% if note is defined %}{{ note }}{% endif %}\n"
    )
    (tmp_path / "broken.md").write_text("Subject: x\n\n{% if %}\n")
    return Templates([tmp_path])


def test_a_message_has_its_template_and_the_facts_it_needs(templates: Templates) -> None:
    good = DEMO + MESSAGE.format(template="contained", facts="account: a, count: 1")
    assert load(good, templates).step("block.message")
    line, sentence = one(DEMO + MESSAGE.format(template="contained", facts="account: a"), templates)
    assert (line, sentence) == (line_of(good, "message:"), "the template 'contained' needs the fact 'count'")
    assert "did you mean contained" in one(DEMO + MESSAGE.format(template="contain", facts=""), templates)[1]
    assert "broken.md:3" in one(DEMO + MESSAGE.format(template="broken", facts=""), templates)[1]


def test_a_message_is_sent_once_and_knows_no_item() -> None:
    text = DEMO + MESSAGE.format(template="contained", facts='account: "${item.id}"')
    line, sentence = one(text)
    assert "a message is sent once" in sentence
    assert line == line_of(text, "message:")


def test_a_message_needs_the_task_that_sends_it() -> None:
    text = HEAD.replace("[look, act]", "[look]") + LOOK + MESSAGE.format(template="contained", facts="")
    with pytest.raises(InvalidRunbook, match=r"demo\.yaml:\d+: there is no task 'messenger\.notify'"):
        parse_runbook(text, "demo.yaml", TaskRegistry.of(Find))


# --- anything at all --------------------------------------------------------------------------------------------------

_words = st.sampled_from(
    [
        *re.findall(r"[\w.]+|\S", DEMO),
        "${",
        "}",
        "&a",
        "*a",
        "<<",
        "!!python/object",
        "\t",
        "- ",
        "? ",
        "|",
        ">",
        "%YAML",
        "---",
        "...",
        "\\ud800",
    ]
)
_mutated = st.builds(
    lambda at, length, put: DEMO[:at] + put + DEMO[at + length :],
    st.integers(0, len(DEMO)),
    st.integers(0, 30),
    st.lists(_words, max_size=4).map(" ".join) | st.text(max_size=10),
)
_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | _words,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "steps",
                    "params",
                    "phases",
                    "with",
                    "uses",
                    "needs",
                    "when",
                    "for_each",
                    "message",
                    "approve",
                    "type",
                    "default",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


def _loads_or_is_refused(text: str) -> None:
    try:
        load(text)
    except InvalidRunbook:
        return


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(_mutated)
def test_a_damaged_runbook_loads_or_is_refused(text: str) -> None:
    _loads_or_is_refused(text)


@settings(max_examples=150)
@given(st.text() | st.lists(_words, max_size=20).map(" ".join))
def test_any_text_loads_or_is_refused(text: str) -> None:
    _loads_or_is_refused(text)


@settings(max_examples=150)
@given(_data, st.sampled_from(["", "steps: ", "params: ", "phases: ", "subject: ", "attack: "]))
def test_any_data_loads_or_is_refused(data: Any, key: str) -> None:
    _loads_or_is_refused(key + json.dumps(data))


@settings(max_examples=150)
@given(
    _data,
    st.sampled_from(["with", "when", "for_each", "needs", "approve", "message", "id", "uses", "on_failure", "key"]),
)
def test_any_part_of_a_step_loads_or_is_refused(data: Any, key: str) -> None:
    _loads_or_is_refused(HEAD + "  - " + json.dumps({"id": "a", "phase": "look", "uses": "fake.find", key: data}))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n" + "".join(f"d{i}: &d{i} [{', '.join(['*c'] * 9)}]\n" for i in range(30)),
        "a: &a [*a]",
        "[" * 5_000,
        "{a: " * 5_000,
        "- " * 5_000,
        "\tid: demo",
        "id: demo\n\ttitle: x",
        "id: !!python/object/apply:os.system [id]",
        "<<: {id: demo}",
        HEAD + "  - {id: a, phase: look, uses: fake.find, with: {account: " + "[" * 100 + "]" * 100 + "}}",
        HEAD + "".join(f"  - {{id: s{i}, phase: look, uses: fake.find, with: {{account: x}}, needs: [s{i + 1}]}}\n" for i in range(499)),
        DEMO.replace("demo", "x" * 100_000),
        DEMO.replace("title: Demo", 'title: "\\ud800"'),
        DEMO.replace("plain", '"\\ud800"'),
        DEMO.replace("limit: 5", "limit: 99999999999999999999999999"),
        DEMO.replace("limit: 5", "limit: .nan"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(text: str) -> None:
    with pytest.raises(InvalidRunbook):
        load(text)


def test_five_hundred_steps_in_one_chain_load() -> None:
    chain = "".join(
        f"  - {{id: s{i}, phase: {'look' if i else 'act'}, uses: fake.find, with: {{account: x}}, needs: [{f's{i - 1}' if i else ''}]}}\n"
        for i in range(500)
    )
    runbook = load(HEAD + chain)
    assert [s.id for s in runbook.order()] == [f"s{i}" for i in range(500)]


def test_a_text_that_was_checked_is_not_checked_again_and_a_wrong_one_is_refused_by_name() -> None:
    first = pinned_runbook(DEMO, "run 1", REGISTRY)
    assert pinned_runbook(DEMO, "run 2", REGISTRY) is first
    assert first == parse_runbook(DEMO, "demo.yaml", REGISTRY)
    loaded = load(DEMO + "\n")
    keep_checked(loaded, REGISTRY)
    assert pinned_runbook(DEMO + "\n", "run 2", REGISTRY) is loaded
    with pytest.raises(InvalidRunbook, match="run 3"):
        pinned_runbook(DEMO, "run 3", TaskRegistry.of())
    for name in ("run 4", "run 5"):
        with pytest.raises(InvalidRunbook, match=name):
            pinned_runbook("id: [", name, REGISTRY)
