from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tenantry.errors import InvalidInput, NotProven
from tenantry.proof.check import check_bundle
from tenantry.proof.timestamp import question, stamps, verified_time
from tests.support.sample_run import TENANT
from tests.tenantry.proof.authority import Authority
from tests.tenantry.timeline.test_bundle import Made

NOTE = b"a signed checkpoint\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_an_answer_to_our_question(authority: Authority, tmp_path: Path) -> None:
    asked = question(NOTE)
    response = authority.answer(asked.der)
    at = verified_time(response, NOTE, authority.root.read_bytes(), asked)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert verified_time(response, NOTE, authority.root.read_bytes()) == at, "later, when the question is forgotten"
    assert stamps(response, NOTE)
    (tmp_path / "note").write_bytes(NOTE)
    (tmp_path / "answer").write_bytes(response)
    verify = ["openssl", "ts", "-verify", "-data", "note", "-in", "answer", "-CAfile", str(authority.root)]
    assert b"OK" in subprocess.run(verify, cwd=tmp_path, capture_output=True, check=True).stdout


def test_an_answer_over_other_bytes(authority: Authority) -> None:
    response = authority.answer(question(NOTE).der)
    assert not stamps(response, b"other")
    with pytest.raises(NotProven):
        verified_time(response, b"other", authority.root.read_bytes())


def test_an_answer_to_another_question(authority: Authority) -> None:
    response = authority.answer(question(NOTE).der)
    with pytest.raises(NotProven):
        verified_time(response, NOTE, authority.root.read_bytes(), question(NOTE))


def test_another_authority(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    response = other.answer(question(NOTE).der)
    with pytest.raises(NotProven):
        verified_time(response, NOTE, authority.root.read_bytes())


def test_what_is_none(authority: Authority) -> None:
    assert not stamps(b"", NOTE)
    assert not stamps(b"nonsense", NOTE)
    with pytest.raises(NotProven):
        verified_time(b"nonsense", NOTE, authority.root.read_bytes())
    with pytest.raises(InvalidInput):
        verified_time(authority.answer(question(NOTE).der), NOTE, b"nonsense")


def test_time_stamps_in_a_bundle(authority: Authority, tmp_path: Path) -> None:
    made = Made(tmp_path)
    stored = made.ledger.checkpoint(TENANT)
    assert stored is not None
    response = authority.answer(question(stored.note).der)
    assert made.ledger.add_timestamp(stored, "https://tsa.example", response)
    assert not made.ledger.add_timestamp(stored, "https://tsa.example", response), "one is enough"
    assert made.ledger.verify().ok
    made.export(tmp_path / "out")
    report = check_bundle(tmp_path / "out")
    assert (report.first_bad, report.timestamps) == (None, 1)
    (token,) = (tmp_path / "out" / "proof" / "timestamps").iterdir()
    checkpoint = tmp_path / "out" / "proof" / "checkpoint.txt"
    verify = ["openssl", "ts", "-verify", "-data", checkpoint, "-in", token, "-CAfile", authority.root]
    subprocess.run(verify, check=True, capture_output=True)
