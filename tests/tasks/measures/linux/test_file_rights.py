from __future__ import annotations

from tasks.measures.linux.file_rights import FileRights
from tests.tasks.measures.linux.hosts import answered, file


def said(pattern: str, most: str, *files: object) -> object:
    return answered(FileRights, {"paths": {pattern: most}}, files={one.path: one for one in files})  # type: ignore[attr-defined]  # files


def test_rights_and_owner() -> None:
    assert said("/etc/shadow", "640", file("/etc/shadow", 0o600)) == []
    assert said("/etc/shadow", "640", file("/etc/shadow", 0o644)) == ["/etc/shadow grants 644"]
    assert said("/etc/shadow", "640", file("/etc/shadow", 0o600, uid=12)) == ["/etc/shadow belongs to 12"]
    assert said("/etc/shadow", "640", file("/etc/passwd", 0o666)) is None


def test_by_name_in_one_folder() -> None:
    keys = file("/etc/ssh/ssh_host_rsa_key", 0o644), file("/etc/ssh/ssh_host_rsa_key.pub", 0o644)
    assert said("/etc/ssh/ssh_host_*_key", "640", *keys) == ["/etc/ssh/ssh_host_rsa_key grants 644"]
    assert said("/etc/ssh/*", "640", file("/etc/ssh/x/y", 0o777)) is None
