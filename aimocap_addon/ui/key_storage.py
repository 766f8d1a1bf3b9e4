# SPDX-License-Identifier: GPL-3.0-or-later
"""The system's keyring, as a place for API keys.

Linux: the Secret Service, by libsecret's `secret-tool`. macOS: the login keychain, by `security`. Windows: the
Credential Manager. Keys go to programs by their standard input, never by their arguments, which all users of a machine
can read. What was kept is read back before it counts, so that a keyring that loses it does no harm. No bpy here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import Protocol

_UNLOCK_SEC = 60.0  # the keyring may ask the person for its password
_SECRET_TOOL_NOTHING_FOUND = 1
_SECURITY_NOTHING_FOUND = 44  # errSecItemNotFound, as `security` returns it
_SERVICE = "aimocap-blender"
_QUOTABLE = re.compile(r'[^"\\\x00-\x1f\x7f]+')


class KeyStorageError(Exception):
    """The keyring does not take or give a key; the message is one sentence."""


class Keyring(Protocol):
    """A place of the system for secrets, one per service URL; all methods raise KeyStorageError."""

    def store(self, service_url: str, key: str) -> None:
        """Keep the key, in place of an older one."""
        ...

    def lookup(self, service_url: str) -> str:
        """Return the key, empty if there is none."""
        ...

    def clear(self, service_url: str) -> None:
        """Remove the key, if there is one."""
        ...


class SecretTool:
    """The Secret Service of Linux desktops. https://man.archlinux.org/man/secret-tool.1"""

    def store(self, service_url: str, key: str) -> None:
        """See `Keyring`."""
        self._run("store", "--label", f"AIMoCap API key for {service_url}", *self._attributes(service_url), secret=key)

    def lookup(self, service_url: str) -> str:
        """See `Keyring`."""
        return self._run("lookup", *self._attributes(service_url)).strip()

    def clear(self, service_url: str) -> None:
        """See `Keyring`."""
        self._run("clear", *self._attributes(service_url))

    @staticmethod
    def _attributes(service_url: str) -> tuple[str, ...]:
        return "application", _SERVICE, "service", service_url

    @staticmethod
    def _run(*arguments: str, secret: str = "") -> str:
        done = _run(["secret-tool", *arguments], secret)
        if done.returncode not in (0, _SECRET_TOOL_NOTHING_FOUND) or (done.returncode and done.stderr.strip()):
            raise _refusal(done)
        return done.stdout


class Keychain:
    """The login keychain of macOS. https://ss64.com/mac/security.html"""

    def store(self, service_url: str, key: str) -> None:
        """See `Keyring`. `security -i` reads commands from its input, so the key is in no process list."""
        if not _QUOTABLE.fullmatch(key) or not _QUOTABLE.fullmatch(service_url):
            raise KeyStorageError("The key has characters that the keychain does not take: copy it once more.")
        command = f'add-generic-password -U -s "{_SERVICE}" -a "{service_url}" -w "{key}"\n'
        done = _run(["security", "-i"], command)
        if done.returncode:
            raise _refusal(done)

    def lookup(self, service_url: str) -> str:
        """See `Keyring`."""
        done = _run(["security", "find-generic-password", "-s", _SERVICE, "-a", service_url, "-w"])
        if done.returncode not in (0, _SECURITY_NOTHING_FOUND):
            raise _refusal(done)
        return "" if done.returncode else done.stdout.rstrip("\n")

    def clear(self, service_url: str) -> None:
        """See `Keyring`."""
        done = _run(["security", "delete-generic-password", "-s", _SERVICE, "-a", service_url])
        if done.returncode not in (0, _SECURITY_NOTHING_FOUND):
            raise _refusal(done)


def keyring() -> Keyring | None:
    """Return the keyring of this system, None if there is none that can be used."""
    if sys.platform == "win32":
        from .windows_credentials import CredentialManager  # its libraries are there alone

        return CredentialManager()
    if sys.platform == "darwin":
        return Keychain() if shutil.which("security") else None
    return SecretTool() if shutil.which("secret-tool") else None


def keep(service_url: str, key: str) -> None:
    """Keep the key of a service, in place of an older one; raises KeyStorageError if it is not there afterwards."""
    found = _keyring()
    found.store(service_url, key)
    if found.lookup(service_url) != key:
        raise KeyStorageError("The system keyring did not keep the key: unlock it, or leave the key where it is.")


def read(service_url: str) -> str:
    """Return the key that is kept for a service; raises KeyStorageError if there is none."""
    key = _keyring().lookup(service_url)
    if not key:
        raise KeyStorageError(f"The system keyring has no key for {service_url}: enter it in the preferences again.")
    return key


def forget(service_url: str) -> None:
    """Remove the key of a service, if there is one; raises KeyStorageError."""
    _keyring().clear(service_url)


def _keyring() -> Keyring:
    found = keyring()
    if found is None:
        raise KeyStorageError("There is no system keyring any more: enter the key in the preferences again.")
    return found


def _run(command: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=_UNLOCK_SEC, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeError) as error:
        raise KeyStorageError("The system keyring does not answer: unlock it, or enter the key anew.") from error


def _refusal(done: subprocess.CompletedProcess[str]) -> KeyStorageError:
    lines = done.stderr.strip().splitlines()
    reason = lines[-1] if lines else f"status {done.returncode}"
    return KeyStorageError(f"The system keyring refuses ({reason}): unlock it, or enter the key anew.")
