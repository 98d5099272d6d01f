"""Pages and ports as they answer from here: the look from outside of a health check.

Nothing is sent but the question, no redirect is followed, no proxy or credential of this machine takes part, and what comes is read up to a
limit. An answer is told as it is; :mod:`tenantry.disaster.judge` says what it is worth.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tenantry.capabilities.probing import ProbeAnswer
from tenantry.disaster.probes import DnsProbe, HttpProbe, TcpProbe

__all__ = ["ask_dns", "ask_http", "ask_tcp"]

_MOST: Final = 256 * 1024
_FIRST_WORDS: Final = 512


async def ask_http(probe: HttpProbe) -> ProbeAnswer:
    """One GET. The name is asked for at ``address`` where the probe names one."""
    parts = urlsplit(probe.url)
    host = parts.hostname or ""
    url, headers, extensions = probe.url, {"User-Agent": "tenantry-health-check"}, {}
    if probe.address is not None:
        port = f":{parts.port}" if parts.port else ""
        address = f"[{probe.address}]" if ":" in probe.address else probe.address
        url = parts._replace(netloc=f"{address}{port}").geturl()
        headers["Host"] = f"{host}{port}"
        extensions = {"sni_hostname": host}
    verify: Any = ssl.create_default_context(cadata=probe.authority) if probe.authority else True
    try:
        async with (
            asyncio.timeout(probe.within),
            httpx.AsyncClient(verify=verify, trust_env=False, timeout=probe.within) as client,
            client.stream("GET", url, headers=headers, extensions=extensions) as response,
        ):
            until = _until(response)
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) >= _MOST:
                    break
            text = bytes(body[:_MOST]).decode(response.encoding or "utf-8", "replace")
            return ProbeAnswer(status=response.status_code, text=text, certificate_until=until)
    except TimeoutError:
        return ProbeAnswer(error=f"no answer within {probe.within:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, LookupError) as error:
        return ProbeAnswer(error=f"no answer: {type(error).__name__}")


def _until(response: httpx.Response) -> datetime | None:
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    if secured is None:
        return None
    found = secured.getpeercert() or {}
    ends = found.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None


async def ask_dns(probe: DnsProbe) -> ProbeAnswer:
    """By this machine's own resolver, as whoever calls from here would."""
    try:
        async with asyncio.timeout(probe.within):
            found = await asyncio.get_running_loop().getaddrinfo(probe.name, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        return ProbeAnswer(error=f"no answer within {probe.within:g} s")
    except OSError as error:
        return ProbeAnswer(error=f"it does not resolve: {type(error).__name__}")
    return ProbeAnswer(text=" ".join(sorted({str(address[0]) for *_, address in found})))


async def ask_tcp(probe: TcpProbe) -> ProbeAnswer:
    """One connection; reads first words where some are expected."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(probe.within):
            reader, writer = await asyncio.open_connection(probe.host, probe.port)
            said = await reader.read(_FIRST_WORDS) if probe.expects is not None else b""
    except TimeoutError:
        return ProbeAnswer(error=f"no answer within {probe.within:g} s")
    except OSError as error:
        return ProbeAnswer(error=f"no connection: {type(error).__name__}")
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return ProbeAnswer(text=said.decode("utf-8", "replace"))
