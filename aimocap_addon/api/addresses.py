# SPDX-License-Identifier: GPL-3.0-or-later
"""Where services live. Standard library only, since Blender's start-up reads this."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

CLOUD_BASE_URL = "https://aimocap.net"
LOCAL_BASE_URL = "http://127.0.0.1:8765"


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine; False for what is no URL."""
    try:
        host = urlsplit(url.strip()).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
