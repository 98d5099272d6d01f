from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tenantry.least import Excess, Grant, excess, least


def test_graph_permissions_and_exchanges_apart() -> None:
    made = least("microsoft365", ["User.Read.All", "Exchange.ManageAsApp", "User.Read.All"], {})
    assert made.format == "graph"
    assert made.names == ("Exchange.ManageAsApp", "User.Read.All")
    graph, exchange = made.text.split("# Office 365")
    assert "User.Read.All" in graph
    assert "Exchange.ManageAsApp" in exchange


def test_an_iam_policy() -> None:
    made = least("aws", ["iam:UpdateAccessKey", "ec2:DescribeInstances", "iam:GetUser", "cost-explorer:Get"], {})
    policy = json.loads(made.text)
    assert policy["Version"] == "2012-10-17"
    assert {action for statement in policy["Statement"] for action in statement["Action"]} == set(made.names)
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
    assert all(statement["Sid"].isalnum() for statement in policy["Statement"])


COMMANDS = ["/usr/bin/ss -tunap", "/usr/sbin/nft -f -", "/usr/bin/stat --printf=%n\\:%s /etc/passwd", "/bin/a b,c"]


def test_sudoers_lines() -> None:
    made = least("linux", COMMANDS, {"user": "responder"})
    assert made.text.startswith("responder ALL=(root) NOPASSWD: ")
    assert "b\\,c" in made.text
    assert len(made.text.splitlines()) == len(COMMANDS)
    assert least("linux", [], {}).text == ""


@pytest.mark.skipif(shutil.which("visudo") is None, reason="sudo is not installed")
def test_sudo_takes_them(tmp_path: Path) -> None:
    file = tmp_path / "tenantry"
    file.write_text(least("linux", COMMANDS, {}).text)
    subprocess.run(["visudo", "-c", "-f", file], check=True, capture_output=True)


def test_a_provider_may_have_its_own_words() -> None:
    class Own:
        def least_privilege(self, names, settings):
            return Grant("own", tuple(names), settings["x"])

    assert least("aws", ["b", "a"], {"x": "y"}, Own()) == Grant("own", ("a", "b"), "y")
    assert least("unheard-of", ["b", "a"], {}).text == "a\nb\n"


@pytest.mark.parametrize(
    ("granted", "needed", "found"),
    [
        ({"read"}, {"read"}, []),
        ({"write"}, {"read"}, [Excess("write", ("read",))]),
        ({"write", "read"}, {"read"}, [Excess("write", ())]),
        ({"other"}, {"read"}, [Excess("other", ())]),
        ({"write"}, {"write"}, []),
    ],
)
def test_what_is_granted_beyond(granted: set[str], needed: set[str], found: list[Excess]) -> None:
    assert excess(granted, needed, {"write": frozenset({"read"})}) == found
