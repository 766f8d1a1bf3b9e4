# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the service whether it takes the key, at no cost. Blocks; called from a thread."""

from __future__ import annotations

from ..api.client import AimocapClient
from ..api.errors import AimocapError, ApiError
from .errand import ErrandError


def key_sentence(base_url: str, api_key: str) -> str:
    """Return that the service takes the key; raises ErrandError with the reason if it does not.

    Asks for a job that does not exist, since nothing else costs nothing and still needs the key.
    """
    try:
        with AimocapClient(base_url, api_key) as client:
            client.poll("mocap_key_test")
    except ApiError as error:
        if error.status not in (404, 410) or not error.detail.lstrip().startswith("{"):
            raise ErrandError(error.user_message) from error
    except AimocapError as error:
        raise ErrandError(error.user_message) from error
    return "The service answers and takes the key."
