# SPDX-License-Identifier: GPL-3.0-or-later
"""Where requests may go: the base URL that a person sets, and the addresses that a service hands out."""

from __future__ import annotations

import ipaddress
import re
import socket

import httpx

from .addresses import is_loopback
from .errors import ConfigurationError, UnexpectedAnswerError

_LONGEST_ADDRESS = 8192  # characters; longer than what any storage signs


def parse_base_url(text: str) -> httpx.URL:
    """Return the base URL without trailing slash; raises ConfigurationError if it may not be used.

    https is required except on loopback, since the key travels with every call.
    """
    shown = re.sub(r"//[^/@]*@", "//…@", text)  # a password has no place in a sentence, which is also stored
    sentence = f"“{shown}” is not a web address like https://host/path: set the base URL in the preferences."
    try:
        url = _parse_web_address(text.strip().rstrip("/"))
    except ValueError as error:
        raise ConfigurationError(sentence) from error
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError(sentence)
    if url.scheme == "http" and not is_loopback(str(url)):
        raise ConfigurationError(
            f"“{text}” would send the API key unencrypted: use an https address (http is for this machine alone)."
        )
    return url


def _parse_web_address(text: str) -> httpx.URL:
    """Return the http or https URL; raises ValueError for anything that no request can be sent to."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 443) < 65536:
        raise ValueError("not a web address")
    if " " in url.host or "%" in url.host:
        raise ValueError("not a host name")
    url.raw_host.decode("ascii").encode("idna")  # what the look-up of the name does; a UnicodeError is a ValueError
    return url


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port, the default port written out."""
    default = {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, url.port or default


def resolve(base: httpx.URL, address: str) -> httpx.URL:
    """Return the absolute URL of an address that the service at `base` gave.

    Raises UnexpectedAnswerError for one that no request may go to; see `check`.
    """
    if len(address) > _LONGEST_ADDRESS:
        raise UnexpectedAnswerError("The service gave an address that is too long: nothing was sent there.")
    try:
        joined = base.join(address)
    except httpx.InvalidURL as error:
        raise UnexpectedAnswerError("The service gave an address that cannot be used: try again.") from error
    return check(base, joined)


def check(base: httpx.URL, url: httpx.URL) -> httpx.URL:
    """Return `url` if the service at `base` may send us there, also by a redirect.

    That is https, or http where both are this machine. A service on this machine leads nowhere else, since people
    choose it so that nothing leaves the machine; one elsewhere leads into no private network, unless it is itself
    in one. Raises UnexpectedAnswerError.
    """
    both_here = is_loopback(str(base)) and is_loopback(str(url))
    if url.scheme != "https" and not (url.scheme == "http" and both_here):
        raise UnexpectedAnswerError("The service gave an address that is not https: nothing was sent there.")
    try:
        url = _parse_web_address(str(url))
    except ValueError as error:
        raise UnexpectedAnswerError("The service gave an address that cannot be used: try again.") from error
    if is_loopback(str(base)):
        if not both_here:
            raise UnexpectedAnswerError(
                "The service on this machine gave an address on another one: nothing was sent there."
            )
    elif url.host != base.host and _is_private(url.host) and not _is_private(base.host):
        raise UnexpectedAnswerError(
            "The service gave an address inside this computer's own network: nothing was sent there."
        )
    return url


def _is_private(host: str) -> bool:
    """Whether the host has an address that is not on the public internet.

    A name that cannot be looked up counts as public: a proxy may know it, and otherwise the connection fails. A
    name that changes its address afterwards gains nothing, as no host inside has a certificate for it.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not _public(str(info[4][0])) for info in found)


def _public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_global
