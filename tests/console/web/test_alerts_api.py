"""The intake against its own OpenAPI document: whatever is sent, the answer is one that the document has.

What is sent is made here, from the document and from the vendors' own messages with anything in the place of any part. Schemathesis does
the same from the document alone (`tests.console.web.test_schemathesis`).
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from console.web.openapi import ALERTS
from tenantry.alerts.door import intake_key
from tenantry.alerts.message import open_from_intake
from tenantry.alerts.source import sources
from tenantry.home import Home
from tenantry.vault import Vault
from tests.console.web.test_alerts import OK, TOKEN, Front
from tests.tenantry.alerts import samples

PATH = "/alerts/{source}"
RESPONSES = ALERTS["paths"][PATH]["post"]["responses"]
KINDS = {
    "microsoft_graph": samples.GRAPH,
    "guardduty": samples.GUARDDUTY,
    "crowdstrike": samples.CROWDSTRIKE,
    "sentinelone": samples.SENTINELONE,
    "huntress": samples.HUNTRESS,
    "ninjaone": samples.NINJAONE,
}
TRICKS = (
    *(
        "",
        "\x00",
        "\u202eexe.acme",
        "a" * 5_000,
        "e\u0301",
        "\ufeff",
        "％00",
        "𝕒𝕕𝕞𝕚𝕟",
        "\ud800",
        "{{7*7}}",
        "${params}",
        "../../x",
    ),
    *(
        10**400,
        -(10**30),
        1e308,
        -0.0,
        True,
        None,
        [],
        {},
        [[]],
        "9" * 4_000,
        2**63,
        "2026-13-45T99:99:99Z",
        "0001-01-01T00:00:00Z",
    ),
)

leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.sampled_from(TRICKS))
anything = st.recursive(
    leaf,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    parts: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    for key, inner in parts:
        yield from places(inner, (*at, key))


@st.composite
def altered(draw: st.DrawFn, message: Any) -> Any:
    """A vendor's message with up to three of its parts replaced by anything, or taken out."""
    found = copy.deepcopy(message)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from(list(places(found))))
        if not at:
            return draw(anything)
        holder = found
        for key in at[:-1]:
            holder = holder[key]
        if draw(st.integers(0, 4)):
            holder[at[-1]] = draw(anything)
        else:
            del holder[at[-1]]
    return found


def sent(message: Any) -> bytes:
    """JSON as Python writes it: with NaN, numbers of any length and halves of surrogates, which no vendor sends and anybody can."""
    return json.dumps(message).encode()


bodies = st.one_of(
    st.binary(max_size=60),
    anything.map(sent),
    st.sampled_from(list(KINDS.values())).flatmap(altered).map(sent),
    st.integers(1, 100_000).map(lambda depth: b"[" * depth),
    st.integers(1, 5_000).map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth),
)
TOKENED = [kind for kind in KINDS if "token" in sources()[kind].proofs]
fitting = st.sampled_from(TOKENED).flatmap(
    lambda kind: st.tuples(st.just(f"any_{kind}"), altered(KINDS[kind]).map(sent))
)
"""A source, and a message that was one of its own before it was altered."""
headers = st.fixed_dictionaries(
    {
        "content-type": st.one_of(
            st.just("application/json"), st.sampled_from(["text/plain", "application/json; charset=utf-16", "x"])
        )
    },
    optional={
        name: st.one_of(st.just(TOKEN), st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=20))
        for name in (
            "x-alert-token",
            "x-alert-timestamp",
            "x-alert-signature",
            "authorization",
            "svix-id",
            "svix-signature",
        )
    },
)


@pytest.fixture
def front(tmp_path: Path) -> Front:
    made = Front(Home(tmp_path / "home").ensure())
    for kind in TOKENED:
        line = f'  any_{kind}: {{kind: {kind}, proof: token, secret: "vault:_msp/alerts/defender"}}\n'
        made.home.estate.write_text(made.home.estate.read_text(encoding="utf-8") + line, encoding="utf-8")
    return made


def conforms(answer: Any) -> None:
    """The answer is one of the document's, in status, type and form."""
    said = RESPONSES.get(str(answer.status_code))
    assert said is not None, f"{answer.status_code} is not in the document"
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in said["content"], (answer.status_code, kind)
    if kind == "application/json":
        schema = said["content"][kind]["schema"] | {"components": ALERTS["components"]}
        jsonschema.validate(answer.json(), schema)


def test_every_answer_is_one_that_the_document_has(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    kept: set[str] = set()
    taken: list[str] = []
    with front.serving() as client:
        names = ["defender", "signed", "huntress", "aws", "wrong", *(f"any_{kind}" for kind in TOKENED)]
        names += ["nobody", "%00", "..%2f", "é", "a" * 3_000]

        @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            sends=st.one_of(st.tuples(st.sampled_from(names), bodies), fitting),
            given_headers=headers,
            proven=st.booleans(),
        )
        def holds(sends: tuple[str, bytes], given_headers: dict[str, str], proven: bool) -> None:
            source, body = sends
            front.now += 60.0  # nobody is limited
            every = {name: value.encode("latin-1") for name, value in given_headers.items()}
            if proven:
                every |= {"x-alert-token": TOKEN.encode(), "content-type": b"application/json"}
                every.pop("authorization", None)
            answer = client.post(f"/alerts/{source}", content=body, headers=every)
            conforms(answer)
            assert answer.status_code != 503, "what is sent is never a reason to send it again"
            if answer.status_code == 202:
                taken.append(source)
                kept.update(one["id"] for one in answer.json()["alerts"])

        holds()
        answer = client.post("/alerts/defender", json=samples.GRAPH, headers=OK)
        assert answer.status_code == 202
        kept.update(one["id"] for one in answer.json()["alerts"])
    assert len(taken) > 5, "some of it is taken, and lies there to be read"
    assert front.rejected == 0
    assert TOKEN not in caplog.text
    rows = front.rows()
    assert {row.id for row in rows} == kept, "neither lost nor made up"
    with Vault.open(front.home) as vault:
        key = intake_key(vault)
    for row in rows:
        open_from_intake(row.id, row.body, key)  # whoever works on them can


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"])
def test_other_methods_are_refused_and_told_which_there_is(front: Front, method: str) -> None:
    with front.serving() as client:
        answer = client.request(method, "/alerts/defender", headers=OK)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_the_document_describes_what_is_served(front: Front) -> None:
    with front.serving() as client:
        served = document(client)
    assert set(served["paths"]) == {PATH}
    names = {one["name"].lower() for one in served["paths"][PATH]["post"]["parameters"]}
    assert {"source", "x-alert-token", "x-alert-timestamp", "x-alert-signature", "authorization"} <= names


def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found
