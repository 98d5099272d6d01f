from __future__ import annotations

from tasks.checks.host.polkit_allows_all import PolkitAllowsAll
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = PolkitAllowsAll()


def rule(content: str, path: str = "/etc/polkit-1/rules.d/00.rules", *owned: str) -> list[str]:
    return [severity for severity, _ in found(CHECK, survey(files=(put("polkit", path, content),), owned=owned))]


def test_a_rule_that_allows_everything() -> None:
    assert rule("polkit.addRule(function(action, subject) { return polkit.Result.YES; });") == ["critical"]
    assert rule('polkit.addRule(function(a, subject) { if (subject.user == "x") return polkit.Result.YES; });') == [
        "high"
    ]
    assert rule(
        'polkit.addRule(function(action, subject) { if (action.id == "org.freedesktop.policykit.exec") return polkit.Result.YES; });'
    ) == ["critical"]
    assert rule("[all]\nIdentity=unix-user:*\nAction=*\nResultAny=yes\n", "/etc/polkit-1/localauthority/x.pkla") == [
        "critical"
    ]


def test_rules_that_name_what_they_allow() -> None:
    named = 'polkit.addRule(function(action, subject) { if (action.id == "org.libvirt.unix.manage" && subject.isInGroup("x")) return polkit.Result.YES; });'
    assert rule(named) == []
    assert rule("// polkit.addRule(function() { return polkit.Result.YES; });") == []
    assert rule("polkit.addRule(function(action, subject) { return polkit.Result.NO; });") == []
    everything = "polkit.addRule(function(action, subject) { return polkit.Result.YES; });"
    assert rule(everything, "/usr/share/polkit-1/rules.d/x.rules", "/usr/share/polkit-1/rules.d/x.rules") == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
