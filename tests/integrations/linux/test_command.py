"""No argument is ever a program: hostile names through a real shell, and through sed's expressions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integrations.linux.command import Command, account, bre, quote, unit
from tenantry.capabilities.host import path_bytes, path_text
from tenantry.errors import InvalidInput, Rejected

HOSTILE = st.one_of(
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"")),
    st.sampled_from(
        [
            *(
                b"$(id)",
                b"`id`",
                b"a'b",
                b"a'\\''b",
                b'"',
                b"\\",
                b"\n",
                b"a\nb\n",
                b"-rf",
                b"--",
                b"*",
                b"~root",
                b"!!",
            ),
            *(
                b"; id",
                b"&& id",
                b"| id",
                b"> /etc/passwd",
                b"\xff\xfe",
                b"$IFS",
                b"${x}",
                b"#",
                b"",
                b" ",
                b"\r",
                b"\t",
            ),
        ]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(HOSTILE, max_size=5))
@example([b"'; touch /tmp/owned; '"])
def test_a_shell_hands_every_argument_on_as_it_is(arguments: list[bytes]) -> None:
    command = Command((b"printf", b"%s\\0", *arguments))
    done = subprocess.run(["/bin/sh", "-c", command.line(sudo=False)], capture_output=True, check=True)
    assert done.stdout == b"".join(one + b"\0" for one in arguments) or (not arguments and done.stdout == b"\0")
    assert done.stderr == b""


@given(HOSTILE)
def test_a_word_is_one_word(argument: bytes) -> None:
    quoted = quote(argument)
    assert quoted == argument or (quoted[:1] == quoted[-1:] == b"'")


def test_a_nul_is_refused() -> None:
    with pytest.raises(Rejected):
        quote(b"a\0b")


LINE = st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"").replace(b"\n", b""))


@settings(max_examples=80, deadline=None)
@given(line=LINE, others=st.lists(LINE, max_size=3))
@example(line=b"*/5 * * * * root a.b[c]^$%\\n", others=[b"*/5 * * * * root axb[c]^$%\\n"])
def test_sed_finds_exactly_the_line(line: bytes, others: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sed") / "file"
    before = b"\n".join([*others, line, *others]) + b"\n"
    path.write_bytes(before)
    program = b"\\%^" + bre(line) + b"$%s%^%MARK %"
    subprocess.run(
        ["sed", "--in-place", "-e", program, str(path)], check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    )
    assert path.read_bytes() == b"".join(
        (b"MARK " if one == line else b"") + one + b"\n" for one in before.split(b"\n")[:-1]
    )


@given(st.binary(max_size=60))
def test_paths_as_text_and_back(path: bytes) -> None:
    text = path_text(path)
    assert path_bytes(text) == path
    text.encode()


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_two_paths_are_two_texts(one: bytes, two: bytes) -> None:
    assert (path_text(one) == path_text(two)) is (one == two)


@pytest.mark.parametrize("wrong", ["a\\b", "\\", "\\x1", "\\xzz", "\ud800"])
def test_what_is_no_path(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        path_bytes(wrong)


@pytest.mark.parametrize("wrong", ["-r", "a b", "a;id", "", "0", "a\n", "ä", "a/b", "$x", "a" * 300])
def test_names_that_no_account_has(wrong: str) -> None:
    with pytest.raises(Rejected):
        account(wrong)


@pytest.mark.parametrize(
    "wrong", ["-x.service", "a.mount", "../a.service", "a b.service", "a.service\n", "$(id).service", ""]
)
def test_names_that_no_unit_has(wrong: str) -> None:
    with pytest.raises(Rejected):
        unit(wrong)


def test_names_that_there_are() -> None:
    assert account("machine$") == b"machine$"
    assert unit("dev-disk\\x2duuid@1.service") == b"dev-disk\\x2duuid@1.service"


def test_sudo_never_asks_and_its_password_is_in_no_argument(tmp_path: Path) -> None:
    command = Command.of("nft", "-f", "-", root=True, stdin=b"rules")
    assert b"sudo -n -- nft" in command.line(sudo=True)
    assert b"sudo" not in command.line(sudo=False)
    line = command.line(sudo=True, password=True)
    assert b"read -r p" in line
    assert b"sudo -n -- nft -f -" in line
