# SPDX-License-Identifier: GPL-3.0-or-later
"""The Credential Manager of Windows, by the functions of advapi32.

https://learn.microsoft.com/en-us/windows/win32/api/wincred/ns-wincred-credentialw
"""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from typing import Any

from .key_storage import KeyStorageError

_GENERIC = 1  # CRED_TYPE_GENERIC
_LOCAL_MACHINE = 2  # CRED_PERSIST_LOCAL_MACHINE: kept for this user, on this machine
_NOT_FOUND = 1168  # ERROR_NOT_FOUND


class _Credential(ctypes.Structure):
    """CREDENTIALW"""

    _fields_ = (
        ("Flags", wintypes.DWORD),
        ("Type", wintypes.DWORD),
        ("TargetName", wintypes.LPWSTR),
        ("Comment", wintypes.LPWSTR),
        ("LastWritten", wintypes.FILETIME),
        ("CredentialBlobSize", wintypes.DWORD),
        ("CredentialBlob", ctypes.POINTER(ctypes.c_ubyte)),
        ("Persist", wintypes.DWORD),
        ("AttributeCount", wintypes.DWORD),
        ("Attributes", ctypes.c_void_p),
        ("TargetAlias", wintypes.LPWSTR),
        ("UserName", wintypes.LPWSTR),
    )


class CredentialManager:
    """A `key_storage.Keyring`; a key is a generic credential named after its service."""

    def __init__(self) -> None:
        library: Any = ctypes
        self._library = library.WinDLL("advapi32", use_last_error=True)
        self._last_error = library.get_last_error

    def store(self, service_url: str, key: str) -> None:
        """See `key_storage.Keyring`."""
        blob = key.encode("utf-8")
        credential = _Credential(
            Type=_GENERIC,
            TargetName=self._target(service_url),
            CredentialBlobSize=len(blob),
            CredentialBlob=(ctypes.c_ubyte * len(blob))(*blob),
            Persist=_LOCAL_MACHINE,
            UserName="AIMoCap",
        )
        if not self._library.CredWriteW(ctypes.byref(credential), 0):
            raise self._refusal()

    def lookup(self, service_url: str) -> str:
        """See `key_storage.Keyring`."""
        found = ctypes.POINTER(_Credential)()
        if not self._library.CredReadW(self._target(service_url), _GENERIC, 0, ctypes.byref(found)):
            if self._last_error() == _NOT_FOUND:
                return ""
            raise self._refusal()
        try:
            blob = ctypes.string_at(found.contents.CredentialBlob, found.contents.CredentialBlobSize)
        finally:
            self._library.CredFree(found)
        return blob.decode("utf-8", errors="replace")

    def clear(self, service_url: str) -> None:
        """See `key_storage.Keyring`."""
        if not self._library.CredDeleteW(self._target(service_url), _GENERIC, 0) and self._last_error() != _NOT_FOUND:
            raise self._refusal()

    @staticmethod
    def _target(service_url: str) -> str:
        return f"aimocap-blender:{service_url}"

    def _refusal(self) -> KeyStorageError:
        return KeyStorageError(f"Windows' Credential Manager refuses (error {self._last_error()}): enter the key anew.")
