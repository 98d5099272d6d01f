from __future__ import annotations

from tasks.measures.linux.kernel_setting import KernelSetting
from tests.tasks.measures.linux.hosts import answered

WANTED = {"settings": {"kernel.randomize_va_space": ["2"], "kernel.yama.ptrace_scope": ["1", "2"]}}


def test_values() -> None:
    fine = {"kernel.randomize_va_space": "2", "kernel.yama.ptrace_scope": "1"}
    assert answered(KernelSetting, WANTED, kernel=fine) == []
    assert answered(KernelSetting, WANTED, kernel=fine | {"kernel.yama.ptrace_scope": "0"}) == [
        "kernel.yama.ptrace_scope is 0"
    ]


def test_what_a_kernel_has_not_cannot_be_wrong() -> None:
    assert answered(KernelSetting, WANTED, kernel={"kernel.randomize_va_space": "2"}) == []
    assert answered(KernelSetting, WANTED, kernel={"net.ipv4.ip_forward": "0"}) is None
    assert answered(KernelSetting, WANTED | {"required": True}, kernel={"kernel.randomize_va_space": "2"}) == [
        "it has no kernel.yama.ptrace_scope"
    ]
