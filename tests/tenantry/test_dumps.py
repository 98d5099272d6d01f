from __future__ import annotations

import subprocess
import sys


def test_what_is_started_afterwards_leaves_no_memory_on_the_disk_either() -> None:
    script = (
        "import resource, subprocess, sys\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))\n"
        "from tenantry import dumps\n"
        "dumps.forbid()\n"
        "inner = 'import resource; print(resource.getrlimit(resource.RLIMIT_CORE))'\n"
        "print(subprocess.run([sys.executable, '-c', inner], capture_output=True, text=True, check=True).stdout.strip())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "(0, 0)"
