from __future__ import annotations

from tasks.checks.host.autostart_unowned import AutostartUnowned
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = AutostartUnowned()


def desktop(command: str, path: str = "/home/alice/.config/autostart/x.desktop", *owned: str) -> list[str]:
    content = f"[Desktop Entry]\nType=Application\nExec={command}\n"
    return [severity for severity, _ in found(CHECK, survey(files=(put("autostart", path, content),), owned=owned))]


def test_a_program_out_of_a_hidden_place() -> None:
    assert desktop("/tmp/.ICE/agent") == ["critical"]
    assert desktop("/home/alice/.cache/dbus/agent") == ["medium"]
    assert desktop("/opt/x", "/etc/xdg/autostart/x.desktop") == ["medium"]


def test_what_people_and_packages_start() -> None:
    assert desktop("/usr/bin/slack -u") == []
    assert desktop("/home/alice/.local/bin/sync") == []
    assert desktop("/usr/bin/nm-applet", "/etc/xdg/autostart/nm.desktop", "/etc/xdg/autostart/nm.desktop") == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
