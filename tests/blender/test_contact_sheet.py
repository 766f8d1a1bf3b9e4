# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures for a contact sheet show the character's motion and leave the user's file as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import characters
import contact_sheet


def pixels(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path))
    values = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], -1)[::-1, :, :3]
    bpy.data.images.remove(image)
    return values


def file_content() -> dict[str, list[str]]:
    kinds = ("scenes", "objects", "meshes", "materials", "worlds", "cameras", "lights", "actions")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def test_pictures_follow_the_motion_and_nothing_is_left_behind(tmp_path: Path) -> None:
    hero = characters.make_mixamo_character("Hero")
    assert hero.pose is not None
    # From rest to two metres to the left (+X, which is to the right of the picture) and one metre up.
    hero.pose.bones["mixamorig:Hips"].keyframe_insert("location", frame=1)
    to_bone = (hero.matrix_world @ hero.pose.bones["mixamorig:Hips"].bone.matrix_local).to_3x3().inverted()
    hero.pose.bones["mixamorig:Hips"].location = to_bone @ type(hero.location)((2.0, 0.0, 1.0))
    hero.pose.bones["mixamorig:Hips"].keyframe_insert("location", frame=10)
    scene = bpy.context.scene
    assert scene is not None
    scene.frame_set(4)
    before = file_content()

    pictures = contact_sheet.render_frames(scene, hero, [1, 10], tmp_path, size=(60, 60), samples=2)

    assert file_content() == before
    assert bpy.context.scene == scene
    assert scene.frame_current == 4
    first, last = (pixels(path) for path in pictures)
    assert first.shape == (60, 60, 3)
    changed = np.abs(first - last).max(axis=-1) > 0.15
    shirt_blue = [np.argwhere(p[..., 2] - p[..., 0] > 0.2) for p in (first, last)]
    assert all(len(places) > 10 for places in shirt_blue)
    (row_1, column_1), (row_10, column_10) = (places.mean(axis=0) for places in shirt_blue)
    assert column_10 > column_1 + 10
    assert row_10 < row_1 - 5
    # Nothing of the figure is cut off at the border of the picture.
    border = np.ones_like(changed)
    border[2:-2, 2:-2] = False
    assert not changed[border].any()


def test_no_frames_is_refused(tmp_path: Path) -> None:
    hero = characters.make_mixamo_character("Hero")
    before = file_content()
    with pytest.raises(contact_sheet.ContactSheetError, match="at least one frame"):
        contact_sheet.render_frames(bpy.context.scene, hero, [], tmp_path)
    assert file_content() == before
