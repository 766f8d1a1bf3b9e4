# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender is about to remove is an error in the tests when our own code uses it, and only then."""

from __future__ import annotations

import warnings

import bpy
import pytest


def read(module: str) -> object:
    """Read a property from code that belongs to `module`."""
    names = {"__name__": module, "bpy": bpy}
    # Blender returns the value beside the exception, which Python finds by its next call:
    # as it is, or as the cause of a SystemError.
    exec("value = bpy.data.scenes[0].use_nodes; len('')", names)
    return names["value"]


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="the property is fine before")
def test_deprecated_property_of_blender() -> None:
    for module in ("aimocap_addon.scene.binding", "bl_ext.user_default.aimocap.scene.binding"):
        with pytest.raises((DeprecationWarning, SystemError)) as caught:
            read(module)
        assert "use_nodes" in str(caught.value.__cause__ or caught.value)
    with pytest.warns(DeprecationWarning, match="use_nodes"):
        read("io_scene_fbx.export_fbx_bin")


def test_deprecated_function_of_a_library() -> None:
    names = {"__name__": "aimocap_addon.api.client", "warnings": warnings}
    with pytest.raises(DeprecationWarning, match="old"):
        exec("warnings.warn('old', DeprecationWarning)", names)
