# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on seen from inside: its package, folders, preferences and the service they lead to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..api.addresses import CLOUD_BASE_URL, LOCAL_BASE_URL, is_loopback

if TYPE_CHECKING:
    from .preferences import AIMOCAP_AP_preferences

PACKAGE = __package__.rpartition(".")[0]  # "bl_ext.<repository>.aimocap" when installed
KEY_VARIABLE = "AIMOCAP_KEY"
URL_VARIABLE = "AIMOCAP_BASE_URL"
WAIT_HOURS = 24
ONLINE_IS_OFF = "Online access is off: allow it in Preferences > System > Network"
OFFLINE_MODE = "Blender was started with --offline-mode: start it without"


class CaptureError(Exception):
    """The capture cannot begin or end; the message is one sentence for the person."""


def manifest() -> dict[str, Any]:
    """Return what the installed extension says of itself; nothing where it is run from a source tree."""
    import tomllib  # wanted for reports alone, not by a start

    path = Path(__file__).parents[1] / "blender_manifest.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def version() -> str:
    """Return the extension's version, "unknown" where it is run from a source tree."""
    return str(manifest().get("version", "unknown"))


def current_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """Return the context's scene; raises CaptureError where there is none."""
    if context.scene is None:
        raise CaptureError("There is no scene: open a file first.")
    return context.scene


@dataclass(frozen=True)
class Service:
    """The service that preferences and environment lead to."""

    base_url: str
    api_key: str = field(repr=False)
    url_from_environment: bool
    key_from_environment: bool
    deadline: float  # seconds to wait for a result
    key_is_kept: bool = False  # in the system's keyring, from where it is read when it is needed

    @property
    def is_local(self) -> bool:
        """Whether the video stays on this machine."""
        return is_loopback(self.base_url)


def preferences(context: bpy.types.Context) -> AIMOCAP_AP_preferences | None:
    """Return the add-on's preferences; None where it is registered without being enabled."""
    addon = context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon is not None else None  # type: ignore[return-value]


def service(context: bpy.types.Context) -> Service:
    """Return the chosen service; the environment variables win over the preferences.

    Where the local service is chosen and no key is set for it, the key of this Blender's own one is taken.
    """
    chosen = preferences(context)
    url = os.environ.get(URL_VARIABLE, "").strip()
    key = os.environ.get(KEY_VARIABLE, "").strip()
    session = getattr(bpy.types.WindowManager, "aimocap_session", None)  # which imports this module
    local_key = session.local_service.key if session is not None else ""
    if chosen is None:
        own_url, own_key = LOCAL_BASE_URL, local_key
    elif chosen.service == "CLOUD":
        own_url, own_key = chosen.cloud_url or CLOUD_BASE_URL, chosen.cloud_key
    else:
        own_url, own_key = chosen.local_url or LOCAL_BASE_URL, chosen.local_key or local_key
    hours = WAIT_HOURS if chosen is None else chosen.wait_hours
    base_url, api_key = url or own_url, key or own_key.strip()
    is_kept = chosen is not None and chosen.service == "CLOUD" and chosen.cloud_key_kept_for == base_url
    return Service(base_url, api_key, bool(url), bool(key), hours * 3600.0, key_is_kept=is_kept and not api_key)


def online_access_sentence() -> str | None:
    """Return why Blender may not go online, or None if it may."""
    if bpy.app.online_access:
        return None
    return f"{OFFLINE_MODE if bpy.app.online_access_override else ONLINE_IS_OFF}, or use the local service."


def set_up_sentence() -> str | None:
    """Return why the local service cannot be set up, or None if nothing of Blender's settings is in the way."""
    if bpy.app.online_access:
        return None
    return f"{OFFLINE_MODE if bpy.app.online_access_override else ONLINE_IS_OFF}, to set the local service up."


def has_consent(context: bpy.types.Context) -> bool:
    """Whether the person has agreed to send videos to the cloud at the price of v-credits."""
    chosen = preferences(context)
    return chosen is not None and chosen.cloud_consent


def mapping_folder() -> Path:
    """Return the folder that holds the bone mappings made by hand; it need not be there yet."""
    return user_folder(create=False) / "mappings"


def preset_folder() -> Path:
    """Return the folder where presets of bone mappings are offered; it need not be there yet."""
    return user_folder(create=False) / "presets"


def user_folder(*, create: bool = True) -> Path:
    """Return the folder that holds captures and their files; it goes with the extension when that is removed."""
    try:
        return Path(bpy.utils.extension_path_user(PACKAGE, create=create))
    except ValueError:  # registered from a source tree, not an installed extension
        return Path(bpy.utils.user_resource("DATAFILES", path="aimocap", create=create))
