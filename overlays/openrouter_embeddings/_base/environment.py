"""What surrounds a call: the key, where requests go, by which proxy, and whom to trust."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.printable import one_line
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from urllib.parse import SplitResult

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"

_LABEL = re.compile(r"[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?", re.IGNORECASE)  # RFC 1123, and "_"
_MOST_HOST_CHARACTERS = 253  # RFC 1035
_UNWRITABLE = re.compile(r"[\s\x00-\x20\x7f\\]")
_ENDPOINTS = ("/embeddings", "/embeddings/models", "/chat/completions")
_YES, _NO = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")  # how OpenSSL looks certificates up in a folder


def api_key(given: object) -> str:
    """Take the key that was given, or that of the environment, and check it without showing it.

    Raises:
        ConfigurationError: There is none, or it holds characters that no header can carry.
    """
    if given is None:
        return checked_api_key(os.environ.get("OPENROUTER_API_KEY"), "OPENROUTER_API_KEY")
    return checked_api_key(given)


def checked_api_key(api_key: object, argument: str = "api_key") -> str:
    """Check a key without ever showing it.

    Raises:
        ConfigurationError: It is missing, or holds characters that no header can carry.
    """
    if api_key is None or (isinstance(api_key, str) and str.__str__(api_key) == ""):
        raise ConfigurationError(
            "There is no API key.",
            argument="api_key",
            hint=(
                "Pass api_key=, set OPENROUTER_API_KEY (see https://openrouter.ai/settings/keys), "
                "or work without one on a local server: openrouter-embeddings serve"
            ),
        )
    if not isinstance(api_key, str):
        message = f"{argument} must be text, not {type(api_key).__name__}."
        raise ConfigurationError(message, argument=argument)
    if any(not 33 <= ord(letter) <= 126 for letter in str.__str__(api_key)):
        message = (
            f"{argument} holds white space or characters that no key has (its value is not shown)."
        )
        hint = "Copy it again without line breaks or quotes."
        raise ConfigurationError(message, argument=argument, hint=hint)
    return str.__str__(api_key)


def base_url(given: object, *, allow_http: object = False) -> str:
    """Take the base URL that was given, or that of the environment, or that of the service.

    Args:
        given: The URL, or None.
        allow_http: Whether plain http may go to other machines; so it may where the variable
            ``OPENROUTER_ALLOW_HTTP`` says so.

    Raises:
        ConfigurationError: It cannot be used; `argument` is its name, or that of its variable.
    """
    allowed = arguments.flag("allow_http", allow_http) or _is_set("OPENROUTER_ALLOW_HTTP")
    if given is not None:
        return checked_base_url(given, allow_http=allowed)
    found = os.environ.get("OPENROUTER_BASE_URL", "").strip()
    return checked_base_url(
        found or DEFAULT_BASE_URL, argument="OPENROUTER_BASE_URL", allow_http=allowed
    )


def _is_set(variable: str) -> bool:
    value = os.environ.get(variable, "")
    word = value.strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise arguments.bad_value(variable, "must be 1 or 0", value)


def checked_base_url(
    base_url: object, *, argument: str = "base_url", allow_http: bool = False
) -> str:
    """Check where requests go: https anywhere, plain http only on this machine.

    Args:
        base_url: The URL; blanks and line ends around it, which files leave there, are cut.
        argument: What it is called in errors.
        allow_http: Whether plain http may go to other machines as well.

    Returns:
        The URL without a slash at its end, its host in ASCII.

    Raises:
        ConfigurationError: It has no scheme or host, names an endpoint, or would send the key in
            the clear.
    """
    url = arguments.text(argument, base_url).strip().rstrip("/")
    parts = _split(argument, url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        problem = "needs a scheme and a host, like https://openrouter.ai/api/v1"
        raise arguments.bad_value(argument, problem, url)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        message = (
            f"{argument} must hold no user, password, query or fragment (its value is not shown)."
        )
        raise ConfigurationError(message, argument=argument)
    if _UNWRITABLE.search(url):
        raise arguments.bad_value(argument, "holds white space or a backslash", url)
    _check_path(argument, url, parts.path)
    ascii_url = _in_ascii(argument, url, host)
    if parts.scheme == "http" and not (allow_http or is_loopback(host)):
        problem = "would send the key unencrypted to another machine"
        hint = (
            "Use https. In a private network of your own, allow it with allow_http=True or "
            "OPENROUTER_ALLOW_HTTP=1."
        )
        message = f"{argument} {problem}: {arguments.shown(url)}."
        raise ConfigurationError(message, argument=argument, hint=hint)
    return ascii_url


def _split(argument: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        why = "" if "@" in url else f": {arguments.shown(url)} ({one_line(str(exc))[:80]})"
        message = f"{argument} cannot be read{why}."
        raise ConfigurationError(message, argument=argument) from None
    if port == 0:
        raise ConfigurationError(f"{argument} cannot have port 0.", argument=argument)
    return parts


def _check_path(argument: str, url: str, path: str) -> None:
    endpoint = next((end for end in _ENDPOINTS if path.endswith(end)), None)
    if endpoint is not None:
        message = f"{argument} must be the base of the endpoints: {arguments.shown(url)}."
        hint = f"Leave out {endpoint!r} at its end."
        raise ConfigurationError(message, argument=argument, hint=hint)


def _in_ascii(argument: str, url: str, host: str) -> str:
    """Write the host in ASCII, and check its labels as name servers would."""
    import httpx  # noqa: PLC0415 - slow to import

    problem = "has a host that cannot be asked for"
    try:
        parsed = httpx.URL(url)
        _ = parsed.host  # it is decoded for messages, and must be what IDNA allows
        ascii_host = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError, RecursionError):
        raise arguments.bad_value(argument, problem, url) from None
    if ":" not in host and not is_host_name(ascii_host):
        raise arguments.bad_value(argument, problem, url)
    return url if url.isascii() else str(parsed.copy_with(host=ascii_host)).rstrip("/")


def is_host_name(host: str) -> bool:
    """Say whether a name is one that can be asked for: labels of 1 to 63 letters and digits."""
    labels = host.removesuffix(".").split(".")
    return len(host) <= _MOST_HOST_CHARACTERS and all(map(_LABEL.fullmatch, labels))


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
    ``NO_PROXY``. A request in plain http goes to the machine that it names, and never by a proxy,
    which would read the key.

    Raises:
        ConfigurationError: The proxy's URL cannot be used; `argument` is its variable.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "https" or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    for name, variable in (("https", "HTTPS_PROXY"), ("all", "ALL_PROXY")):
        proxy = proxies.get(name, "").strip()
        if proxy:
            return _proxy(variable, proxy if "://" in proxy else f"http://{proxy}")
    return None


def _proxy(variable: str, url: str) -> Proxy:
    """Read a proxy's URL; it can hold a password, and is never shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_proxy(variable) from None
    usable = parts.scheme in _PROXY_PORTS and (":" in host or is_host_name(host))
    if not usable or port == 0 or _UNWRITABLE.search(url):
        raise _no_proxy(variable)
    user = None if parts.username is None else unquote(parts.username)
    where = port or _PROXY_PORTS[parts.scheme]
    return Proxy(parts.scheme, host, where, user, unquote(parts.password or ""))


def _no_proxy(variable: str) -> ConfigurationError:
    """Make the error for a proxy that cannot be used; its URL may hold a password."""
    message = f"{variable} is no URL of a proxy (its value is not shown)."
    hint = "It must be like http://host:port, https://host:port or socks5://host:port."
    return ConfigurationError(message, argument=variable, hint=hint)


def proxy_place(base_url: str) -> str:
    """Name the proxy of a URL for messages: its variable, host and port, never its password."""
    proxies, scheme = getproxies(), urlsplit(base_url).scheme
    proxy = proxies.get(scheme) or proxies.get("all") or ""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        place = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
    except ValueError:
        return "on the way"
    variable = f"{scheme.upper()}_PROXY" if proxies.get(scheme) else "ALL_PROXY"
    return f"in {variable} ({one_line(place)})" if proxy else "on the way"


def certificates() -> ssl.SSLContext:
    """Make what decides whom to trust: ``SSL_CERT_FILE``, ``SSL_CERT_DIR``, or certifi's list.

    Raises:
        ConfigurationError: A variable names something that is not there, or holds no certificate.
    """
    import httpx  # noqa: PLC0415 - slow to import

    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:
        _check_readable("SSL_CERT_FILE", file)
    elif folder and not any(map(_holds_certificates, folder.split(os.pathsep))):
        message = "SSL_CERT_DIR is no folder with certificates under their hashes"
        raise _bad_certificates("SSL_CERT_DIR", folder, message)
    try:
        return httpx.create_ssl_context()
    except OSError as exc:
        variable = "SSL_CERT_FILE" if file else "SSL_CERT_DIR"
        message = f"{variable} holds no certificates that can be read"
        raise _bad_certificates(variable, file or folder or "", message) from exc


def _check_readable(variable: str, file: str) -> None:
    try:
        with Path(file).open("rb"):
            pass
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or "no path"
        message = f"{variable} cannot be read ({why})"
        raise _bad_certificates(variable, file, message) from exc


def _holds_certificates(folder: str) -> bool:
    try:
        return any(_HASHED.fullmatch(place.name) for place in Path(folder).iterdir())
    except (OSError, ValueError):
        return False


def _bad_certificates(variable: str, path: str, message: str) -> ConfigurationError:
    hint = "Correct the variable, or unset it to take the usual list of authorities."
    return ConfigurationError(f"{message}: {arguments.shown(path)}.", argument=variable, hint=hint)
