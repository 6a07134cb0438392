"""Where vectors come from: base URLs in one way of writing, running local servers by a name."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, urlsplit

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_named: dict[str, str] = {}


def name_url(base_url: str, name: str | None) -> None:
    """Let a base URL count as a source of that name, for this process; None takes it back."""
    url = canonical_url("base_url", base_url)
    if name is None:
        _named.pop(url, None)
    else:
        _named[url] = name


def canonical_source(source: object) -> str:
    """Write a source in the one way that all ways of writing it share.

    Args:
        source: A base URL, or a name; a name has no ``://`` in it.

    Raises:
        ConfigurationError: It is no text, or a URL that cannot be read.
    """
    text = arguments.text("source", source)
    if "://" not in text:
        return text
    url = canonical_url("source", text)
    return _named.get(url, url)


def canonical_url(argument: str, url: str) -> str:
    """Write a URL without what makes no difference: case, default port, slashes at the end."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        message = f"{argument} cannot be read: {arguments.shown(url)} ({exc})."
        raise ConfigurationError(message, argument=argument) from exc
    place = _host(host) + ("" if port in {None, _PORTS.get(parts.scheme)} else f":{port}")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{place}{_path(parts.path)}{query}"


def _host(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _ascii(host)
    return f"[{address.compressed}]" if address.version == 6 else address.compressed


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:  # no name that can be asked for, but one that can be told apart
        return host


def _path(path: str) -> str:
    plain = re.sub(r"%([0-9a-fA-F]{2})", _unescaped, path)
    return quote(plain, safe="%/:@!$&'()*+,;=~").rstrip("/")


def _unescaped(escape: re.Match[str]) -> str:
    letter = chr(int(escape[1], 16))
    return letter if letter in _PLAIN else escape[0].upper()
