# SPDX-License-Identifier: GPL-3.0-or-later
"""The system's keyring, as a place for API keys: on Linux by libsecret's `secret-tool`, elsewhere there is none.

Keys go to the program by its standard input, never by its arguments, which all users of a machine can read. That is
why macOS's `security` is not used, which takes a new secret as an argument. No bpy here.
"""

from __future__ import annotations

import shutil
import subprocess

_TOOL = "secret-tool"
_UNLOCK_SEC = 60.0  # the keyring may ask the person for its password
_NOTHING_FOUND = 1


class KeyStorageError(Exception):
    """The keyring does not take or give a key; the message is one sentence."""


def is_available() -> bool:
    """Whether there is a keyring that can be used."""
    return shutil.which(_TOOL) is not None


def keep(service_url: str, key: str) -> None:
    """Keep the key of a service, in place of an older one; raises KeyStorageError."""
    _run("store", "--label", f"AIMoCap API key for {service_url}", *_attributes(service_url), secret=key)


def read(service_url: str) -> str:
    """Return the key that is kept for a service; raises KeyStorageError if there is none."""
    key = _run("lookup", *_attributes(service_url)).strip()
    if not key:
        raise KeyStorageError(f"The system keyring has no key for {service_url}: enter it in the preferences again.")
    return key


def forget(service_url: str) -> None:
    """Remove the key of a service, if there is one; raises KeyStorageError."""
    _run("clear", *_attributes(service_url))


def _attributes(service_url: str) -> tuple[str, ...]:
    return "application", "aimocap-blender", "service", service_url


def _run(*arguments: str, secret: str = "") -> str:
    try:
        done = subprocess.run(
            [_TOOL, *arguments], input=secret, capture_output=True, text=True, timeout=_UNLOCK_SEC, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeError) as error:
        raise KeyStorageError("The system keyring does not answer: unlock it, or enter the key anew.") from error
    if done.returncode not in (0, _NOTHING_FOUND) or (done.returncode and done.stderr.strip()):
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"status {done.returncode}"
        raise KeyStorageError(f"The system keyring refuses ({reason}): unlock it, or enter the key anew.")
    return done.stdout
