"""What stands in the way of every request: a certificate, or a proxy that wants a login."""

from __future__ import annotations

import os
import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from openrouter_embeddings._base.environment import proxy_place
from openrouter_embeddings._base.frames import errors_behind

if TYPE_CHECKING:
    from openrouter_embeddings.errors import Obstacle


_LOGIN = re.compile(r"\b407\b|signing in|user and password")


def find_obstacle(exc: BaseException) -> Obstacle | None:
    """Find out whether what failed would fail again, whatever is asked."""
    for one in errors_behind(exc):
        if isinstance(one, ssl.SSLCertVerificationError):
            return "certificate"
        if isinstance(one, httpx.ProxyError) and _LOGIN.search(str(one)):
            return "proxy"
    return None


def obstacle_hint(obstacle: Obstacle, base_url: str) -> str:
    """Say what to do about it, with the name of the proxy, or of the host and the file."""
    if obstacle == "proxy":
        place = proxy_place(base_url)
        return f"The proxy {place} wants a login: put user and password into its URL."
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    named = next((f"{name} ({os.environ[name]})" for name in names if os.environ.get(name)), None)
    trusted = named or "the usual list of authorities"
    return (
        f"The certificate of {urlsplit(base_url).hostname} is not one that {trusted} vouches for: "
        "correct base_url, or name the file of its authority in SSL_CERT_FILE."
    )
