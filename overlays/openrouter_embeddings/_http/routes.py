"""The way to a service: itself or a proxy, and what is said before the first request.

A proxy is asked for a tunnel (CONNECT, or SOCKS 5), and TLS goes through it to the service, so it
sees a name and never a key. These few steps are ours, since then they are bounded by the exchange
like everything else, in both clients.
"""

from __future__ import annotations

import ipaddress
import struct
from base64 import b64encode
from typing import TYPE_CHECKING

import httpx
from attrs import field, frozen

from openrouter_embeddings._http.channels import Plain, Tls
from openrouter_embeddings._http.http11 import Asked, Connection

if TYPE_CHECKING:
    import ssl

    from openrouter_embeddings._base.environment import Proxy
    from openrouter_embeddings._http.channels import Channel, Steps

_SOCKS_REFUSALS = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}
"""What the second byte of a SOCKS reply says (RFC 1928, section 6)."""


@frozen
class Route:
    """Where the connections of a pool lead.

    Attributes:
        scheme: ``"http"`` or ``"https"``.
        host: The service.
        port: Its port.
        context: How to speak TLS with the service, or with a proxy; None without TLS.
        proxy: The proxy in between, or None.
    """

    scheme: str
    host: str
    port: int
    context: ssl.SSLContext | None = field(default=None, repr=False)
    proxy: Proxy | None = None

    @property
    def peer(self) -> tuple[str, int]:
        """The host and port that sockets connect to."""
        if self.proxy is None:
            return self.host, self.port
        return self.proxy.host, self.proxy.port

    def leads_to(self, url: httpx.URL) -> bool:
        """Say whether a URL is on this way."""
        port = url.port or (443 if url.scheme == "https" else 80)
        return (url.scheme, url.raw_host.decode("ascii"), port) == (
            self.scheme,
            self.host,
            self.port,
        )


def establish(route: Route) -> Steps[Connection]:
    """Say what is to be said before the first request; what fails is a failed connect."""
    try:
        channel = yield from _channel(route)
    except httpx.TimeoutException as exc:
        raise httpx.ConnectTimeout(str(exc)) from exc
    except (httpx.NetworkError, httpx.RemoteProtocolError) as exc:
        raise httpx.ConnectError(str(exc)) from exc
    return Connection(channel)


def _channel(route: Route) -> Steps[Channel]:
    channel: Channel = Plain()
    if route.proxy is not None:
        channel = yield from _tunnel(channel, route, route.proxy)
    if route.context is not None:
        channel = yield from _secure(channel, route.context, route.host)
    return channel


def _secure(channel: Channel, context: ssl.SSLContext, host: str) -> Steps[Channel]:
    secured = Tls(channel, context, host)
    yield from secured.handshake()
    return secured


def _tunnel(channel: Channel, route: Route, proxy: Proxy) -> Steps[Channel]:
    if proxy.scheme == "https" and route.context is not None:
        channel = yield from _secure(channel, route.context, proxy.host)
    if proxy.is_socks:
        yield from _ask_socks(channel, route, proxy)
    else:
        yield from _ask_http(channel, route, proxy)
    return channel


def _ask_http(channel: Channel, route: Route, proxy: Proxy) -> Steps[None]:
    host = f"[{route.host}]" if ":" in route.host else route.host
    target = f"{host}:{route.port}".encode("idna" if not host.isascii() else "ascii")
    headers = [(b"Host", target), (b"Accept", b"*/*")]
    if proxy.user is not None:
        token = b64encode(f"{proxy.user}:{proxy.password}".encode())
        headers.append((b"Proxy-Authorization", b"Basic " + token))
    head = yield from Connection(channel).ask(Asked(b"CONNECT", target, headers, b""))
    if not 200 <= head.status < 300:
        words = head.reason.decode("ascii", "replace")
        message = f"The proxy answered {head.status} {words}".rstrip()
        raise httpx.ProxyError(message)


def _ask_socks(channel: Channel, route: Route, proxy: Proxy) -> Steps[None]:
    """Ask a SOCKS 5 proxy for a tunnel (RFC 1928, 1929); it resolves the name of the service."""
    come = bytearray()
    named = proxy.user is not None
    yield from channel.write(b"\x05\x01\x02" if named else b"\x05\x01\x00")
    if (yield from _exactly(channel, come, 2)) != (b"\x05\x02" if named else b"\x05\x00"):
        message = "The SOCKS proxy does not take this way of signing in."
        raise httpx.ProxyError(message)
    if proxy.user is not None:
        user, password = proxy.user.encode(), proxy.password.encode()
        yield from channel.write(b"\x01" + _counted(user) + _counted(password))
        if (yield from _exactly(channel, come, 2))[1:] != b"\x00":
            message = "The SOCKS proxy refuses the user and password."
            raise httpx.ProxyError(message)
    yield from channel.write(b"\x05\x01\x00" + _address(route.host) + struct.pack("!H", route.port))
    yield from _socks_reply(channel, come)


def _socks_reply(channel: Channel, come: bytearray) -> Steps[None]:
    version, code, _, kind = yield from _exactly(channel, come, 4)
    if version != 5 or code:
        words = _SOCKS_REFUSALS.get(code, f"code {code}")
        message = f"The SOCKS proxy cannot connect: {words}."
        raise httpx.ProxyError(message)
    size = {1: 4, 4: 16}.get(kind) or (yield from _exactly(channel, come, 1))[0]
    yield from _exactly(channel, come, size + 2)
    if come:
        message = "The SOCKS proxy said more than it should."
        raise httpx.ProxyError(message)


def _counted(text: bytes) -> bytes:
    if len(text) > 255:
        message = "The user and password for a SOCKS proxy have at most 255 bytes."
        raise httpx.ProxyError(message)
    return bytes((len(text),)) + text


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return b"\x03" + _counted(host.encode("idna"))
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


def _exactly(channel: Channel, come: bytearray, size: int) -> Steps[bytes]:
    while len(come) < size:
        data = yield from channel.read()
        if not data:
            message = "The SOCKS proxy closed the connection."
            raise httpx.ProxyError(message)
        come += data
    taken = bytes(come[:size])
    del come[:size]
    return taken
