from __future__ import annotations

from tasks.checks.host.kernel_module_hidden import KernelModuleHidden
from tenantry.capabilities.host_survey import KernelModule
from tests.tasks.checks.host._facts import cannot, found, survey

CHECK = KernelModuleHidden()


def module(name: str, listed: bool = True, taints: str = "", on_disk: bool = True) -> KernelModule:
    return KernelModule(name=name, listed=listed, taints=taints, on_disk=on_disk)


def test_a_module_that_hides_or_came_from_nowhere() -> None:
    fact = survey(taint=12288, modules=(module("rk", listed=False), module("diamorphine", taints="OE", on_disk=False)))
    assert found(CHECK, fact) == [("critical", "rk"), ("high", "diamorphine")]
    assert found(CHECK, survey(taint=4096, modules=(module("ext4"),))) == [("medium", "taint")]


def test_modules_that_administrators_build() -> None:
    assert found(CHECK, survey(taint=12289, modules=(module("nvidia", taints="POE"), module("ext4")))) == []
    assert found(CHECK, survey(taint=512)) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "kernel")
