from __future__ import annotations

import pytest

from tasks.measures.linux.sudo_asks import SudoAsks
from tests.tasks.measures.linux.hosts import answered


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n", []),
        ("responder ALL=(root) NOPASSWD: /usr/bin/cat, \\\n  /usr/bin/find\n", []),
        ("# anna ALL=(ALL) NOPASSWD: ALL\n", []),
        ("anna ALL=(ALL) NOPASSWD: ALL\n", ["anna is asked for none (/etc/sudoers)"]),
        ("%wheel ALL=(ALL) \\\n NOPASSWD: ALL\n", ["%wheel is asked for none (/etc/sudoers)"]),
        ("#1000 ALL=(ALL) NOPASSWD: ALL\n", ["#1000 is asked for none (/etc/sudoers)"]),
        ("Defaults:anna !authenticate\n", ["nobody is asked for one (/etc/sudoers)"]),
    ],
)
def test_lines(text: str, wrong: list[str]) -> None:
    assert answered(SudoAsks, contents={"/etc/sudoers": text}) == wrong


def test_files_beside_it_and_a_host_without() -> None:
    two = {"/etc/sudoers": "", "/etc/sudoers.d/ops": "ops ALL=(ALL) NOPASSWD: ALL"}
    assert answered(SudoAsks, contents=two) == ["ops is asked for none (/etc/sudoers.d/ops)"]
    assert answered(SudoAsks) is None
