# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that move the cloud's API key between the preferences and the system's keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from . import addon, key_storage
from .key_storage import KeyStorageError
from .translations import told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class AIMOCAP_OT_keep_key(bpy.types.Operator):
    """Move the API key from Blender's preferences, where it is plain text, to the system keyring"""

    bl_idname = "aimocap.keep_key"
    bl_label = "Move Key to System Keyring"
    bl_options = {"REGISTER", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        chosen = addon.preferences(context)
        if chosen is None or not chosen.cloud_key.strip():
            cls.poll_message_set(told("Enter the API key first"))
            return False
        if key_storage.keyring() is None:
            cls.poll_message_set(told("There is no system keyring that can be used (Linux: install secret-tool)"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        chosen = addon.preferences(context)
        assert chosen is not None
        try:
            key_storage.keep(chosen.cloud_url, chosen.cloud_key.strip())
        except KeyStorageError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        chosen.cloud_key_kept_for, chosen.cloud_key = chosen.cloud_url, ""
        context.preferences.is_dirty = True
        return {"FINISHED"}


class AIMOCAP_OT_forget_key(bpy.types.Operator):
    """Remove the API key from the system keyring"""

    bl_idname = "aimocap.forget_key"
    bl_label = "Remove Key from System Keyring"
    bl_options = {"REGISTER", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        chosen = addon.preferences(context)
        return chosen is not None and bool(chosen.cloud_key_kept_for)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        chosen = addon.preferences(context)
        assert chosen is not None
        try:
            key_storage.forget(chosen.cloud_key_kept_for)
        except KeyStorageError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        chosen.cloud_key_kept_for = ""
        context.preferences.is_dirty = True
        return {"FINISHED"}


CLASSES = (AIMOCAP_OT_keep_key, AIMOCAP_OT_forget_key)
