# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed URLs: one method on one path until a moment, by HMAC-SHA256 (RFC 2104)."""

from __future__ import annotations

import hashlib
import hmac
import time
from http import HTTPStatus
from urllib.parse import quote, urlencode

from .errors import RequestRefusedError


class UrlSigner:
    """Makes and checks the query of signed URLs."""

    def __init__(self, secret: bytes, lifetime_sec: float) -> None:
        self._secret = secret
        self._lifetime_sec = lifetime_sec

    def sign(self, base_url: str, method: str, path: str) -> str:
        """Return an absolute URL that allows `method` on `path` (unquoted) for the signer's lifetime."""
        expires = str(int(time.time() + self._lifetime_sec))
        query = urlencode({"expires": expires, "signature": self._signature(method, path, expires)})
        return f"{base_url.rstrip('/')}{quote(path)}?{query}"

    def check(self, method: str, path: str, expires: str, signature: str) -> None:
        """Raise RequestRefusedError (403) if the signature does not fit or the URL has expired."""
        expected = self._signature(method, path, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            raise RequestRefusedError(
                HTTPStatus.FORBIDDEN,
                "url_signature_invalid",
                "The address is not signed by this service: use it exactly as it was given.",
            )
        if time.time() > int(expires):
            raise RequestRefusedError(
                HTTPStatus.FORBIDDEN, "url_expired", "The address has expired: ask the service for a new one."
            )

    def _signature(self, method: str, path: str, expires: str) -> str:
        message = f"{method}\n{path}\n{expires}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
