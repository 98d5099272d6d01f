"""`host.collect_process`"""

from __future__ import annotations

from tasks.host._common import StoredStream, store_stream
from tasks.host._processes import OneProcess, find
from tenantry.capabilities import Process
from tenantry.errors import TargetNotFound
from tenantry.task import Context, Output, Permission, ReadTask


class ProcessImage(Output):
    """What was kept of one process."""

    process: Process | None
    """None: it was gone."""
    images: list[StoredStream]


class CollectProcess(ReadTask[OneProcess, ProcessImage]):
    """Keep the memory map and the program of one process as evidence.

    The program is read out of /proc, where it is also when its file was deleted (ATT&CK T1070.004); proc(5).
    """

    name = "host.collect_process"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("find", "cat")),)
    timeout = 300.0
    Params = OneProcess
    Output = ProcessImage

    async def read(self, ctx: Context, p: OneProcess) -> ProcessImage:
        process = await find(ctx, p)
        if process is None:
            return ProcessImage(process=None, images=[])
        images = []
        folder = f"{p.host}/process-{p.process.replace(':', '-')}"
        try:
            images.append(await store_stream(ctx, f"{folder}/maps", ctx.host.process_image(p.host, p.process, "maps")))
            program = ctx.host.process_image(p.host, p.process, "executable")
            images.append(await store_stream(ctx, f"{folder}/executable", program))
        except TargetNotFound:
            process = None  # it ended while it was read; what there was is kept
        return ProcessImage(process=process, images=images)
