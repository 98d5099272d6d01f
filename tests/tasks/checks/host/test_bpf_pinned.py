from __future__ import annotations

from tasks.checks.host.bpf_pinned import BpfPinned
from tests.tasks.checks.host._facts import cannot, found, survey

CHECK = BpfPinned()


def test_an_unknown_name() -> None:
    assert found(CHECK, survey(pinned=("/sys/fs/bpf/backdoor",))) == [("medium", "/sys/fs/bpf/backdoor")]


def test_names_that_known_software_uses() -> None:
    known = ("/sys/fs/bpf/snap/x", "/sys/fs/bpf/tc/globals/cilium_calls", "/sys/fs/bpf/cilium", "/sys/fs/bpf/systemd-x")
    assert found(CHECK, survey(pinned=known)) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "pinned")
