from __future__ import annotations

from tasks.measures.linux.restart_done import RestartDone
from tests.tasks.measures.linux.hosts import answered


def test_where_the_system_writes_it_down() -> None:
    assert answered(RestartDone, release={"ID": "debian"}) == []
    assert answered(RestartDone, release={"ID": "mint", "ID_LIKE": "ubuntu debian"}, reboot_required=True) == [
        "it waits for a restart"
    ]
    assert answered(RestartDone, release={"ID": "rhel"}) is None
