"""What surrounds a call: the key, where requests go, and by which proxy."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"


def checked_api_key(api_key: object) -> str:
    """Check a key without ever showing it.

    Raises:
        ConfigurationError: It is missing, or holds characters that no header can carry.
    """
    if api_key is None or api_key == "":
        raise ConfigurationError(
            "There is no API key.",
            argument="api_key",
            hint=(
                "Pass api_key=, set OPENROUTER_API_KEY (see https://openrouter.ai/settings/keys), "
                "or work without one on a local server: openrouter-embeddings serve"
            ),
        )
    if not isinstance(api_key, str):
        message = f"api_key must be text, not {type(api_key).__name__}."
        raise ConfigurationError(message, argument="api_key")
    if any(not 33 <= ord(letter) <= 126 for letter in api_key):
        message = (
            "api_key holds white space or characters that no key has (its value is not shown)."
        )
        hint = "Copy it again without line breaks or quotes."
        raise ConfigurationError(message, argument="api_key", hint=hint)
    return api_key


def checked_base_url(base_url: object) -> str:
    """Check where requests go: https anywhere, plain http only on this machine.

    Returns:
        The URL without a slash at its end.

    Raises:
        ConfigurationError: It has no scheme or host, or would send the key in the clear.
    """
    url = arguments.text("base_url", base_url).rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        message = f"base_url cannot be read: {arguments.shown(url)} ({exc})."
        raise ConfigurationError(message, argument="base_url") from exc
    if parts.scheme not in {"http", "https"} or not host:
        problem = "needs a scheme and a host, like https://openrouter.ai/api/v1"
        raise arguments.bad_value("base_url", problem, url)
    if parts.username or parts.password or parts.query or parts.fragment:
        message = (
            "base_url must hold no user, password, query or fragment (its value is not shown)."
        )
        raise ConfigurationError(message, argument="base_url")
    if parts.scheme == "http" and not is_loopback(host):
        problem = "would send the key unencrypted to another machine; use https"
        raise arguments.bad_value("base_url", problem, url)
    return url


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@frozen
class Proxy:
    """A proxy that the environment names.

    Attributes:
        scheme: ``"http"``, ``"https"``, ``"socks5"`` or ``"socks5h"``; the last two are the same.
        host: Its host.
        port: Its port.
        user: Whom to sign in as; None for nobody.
        password: The password of the user.
    """

    scheme: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS 5."""
        return self.scheme.startswith("socks")


def environment_proxy(base_url: str) -> Proxy | None:
    """Find the proxy that the environment names for a URL; none for this machine itself.

    The variables are those that httpx reads: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``,
    ``NO_PROXY``. A request in plain http only ever goes to this machine, and never by a proxy.

    Raises:
        ConfigurationError: What the environment names is no proxy that can be used.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "https" or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    return None if proxy is None else _proxy(proxy if "://" in proxy else f"http://{proxy}")


def _proxy(url: str) -> Proxy:
    try:
        parts = urlsplit(url)
        port = parts.port or _PROXY_PORTS.get(parts.scheme)
    except ValueError as exc:
        raise _no_proxy() from exc
    if not parts.hostname or port is None or parts.scheme not in _PROXY_PORTS:
        raise _no_proxy()
    user = None if parts.username is None else unquote(parts.username)
    return Proxy(parts.scheme, parts.hostname, port, user, unquote(parts.password or ""))


def _no_proxy() -> ConfigurationError:
    """Make the error for a proxy that cannot be used; its URL may hold a password."""
    message = "The proxy in HTTPS_PROXY or ALL_PROXY cannot be used (its value is not shown)."
    hint = f"It needs a host, and one of the schemes {', '.join(_PROXY_PORTS)}."
    return ConfigurationError(message, argument="HTTPS_PROXY", hint=hint)
