"""What stands in the way of every request: a certificate, a proxy's login, a name nobody knows."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from openrouter_embeddings._base.environment import proxy_place
from openrouter_embeddings._base.frames import errors_behind

if TYPE_CHECKING:
    from openrouter_embeddings.errors import Obstacle


_LOGIN = re.compile(r"\b407\b|signing in|user and password")


# Resolvers say that there is no such name, or none with an address; "try again" is another matter.
_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def find_obstacle(exc: BaseException, *, replied: bool = False) -> Obstacle | None:
    """Find out whether what failed would fail again, whatever is asked.

    Args:
        exc: What failed.
        replied: Whether anybody replied before: then the name is good, and the resolver is not.
    """
    for one in errors_behind(exc):
        if isinstance(one, ssl.SSLCertVerificationError):
            return "certificate"
        if isinstance(one, httpx.ProxyError) and _LOGIN.search(str(one)):
            return "proxy"
        if isinstance(one, socket.gaierror) and one.errno in _UNKNOWN and not replied:
            return "name"
    return None


def obstacle_hint(obstacle: Obstacle, base_url: str) -> str:
    """Say what to do about it, with the name of the proxy, or of the host and the file."""
    if obstacle == "proxy":
        place = proxy_place(base_url)
        return f"The proxy {place} wants a login: put user and password into its URL."
    host = urlsplit(base_url).hostname
    if obstacle == "name":
        return f"Correct base_url: nobody knows a host {host}, or the proxy before it."
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    named = next((f"{name} ({os.environ[name]})" for name in names if os.environ.get(name)), None)
    trusted = named or "the usual list of authorities"
    return (
        f"The certificate of {host} is not one that {trusted} vouches for: "
        "correct base_url, or name the file of its authority in SSL_CERT_FILE."
    )
