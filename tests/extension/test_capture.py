# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job: a video goes in, the character a person chose moves as the person in the video does, in time."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
import rigs
import truth
from conftest import CLIPS

import characters
from service_process import run_command

WAVE = CLIPS / "wave_squat.mp4"
PUNCH = CLIPS / "punch_kick.mp4"


def key_frames(armature: bpy.types.Object) -> tuple[float, float]:
    return tuple(armature.animation_data.action.frame_range)


def add_strip(scene: bpy.types.Scene, video: Path, frame_start: int):
    editor = scene.sequence_editor_create() or scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_movie(name=video.stem, filepath=str(video), channel=1, frame_start=frame_start)
    editor.active_strip = strip
    return strip


def set_handles(strip, left: int, right: int) -> None:
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = left, right
    else:
        strip.frame_final_start, strip.frame_final_end = left, right


def assert_moves_like_the_clip(
    armature: bpy.types.Object,
    clip: Path,
    bone_name,
    frames: range,
    seconds: np.ndarray,
    signals: tuple[str, ...],
    *,
    bend_error: float = 20.0,
    correlation: float = 0.85,
) -> None:
    """Compare the character's joints on the timeline with the truth at the same moments of the clip."""
    true = truth.load(clip.with_suffix(".npz"))
    for signal in signals:
        if signal.startswith("hand"):
            side = signal[-1]
            bones = [bone_name(f"{part}_{side}") for part in ("upperarm", "lowerarm", "hand")]
            heads = truth.world_heads(armature, bones, frames)
            found = truth.height_in_arms(*(heads[bone] for bone in bones))
            expected = true.hand_height(side, seconds)
            assert np.abs(found - expected).mean() < 0.25, signal
        else:
            bones = [bone_name(joint) for joint in truth.CHAINS[signal]]
            heads = truth.world_heads(armature, bones, frames)
            found = truth.bend(*(heads[bone] for bone in bones))
            expected = true.flexion(signal, seconds)
            assert np.abs(found - expected).mean() < bend_error, signal
        assert truth.correlation(found, expected) > correlation, signal


def test_file_onto_a_mixamo_character(use_service, snapshot) -> None:
    hero = characters.make_mixamo_character("Hero")
    scene = bpy.context.scene
    scene.render.fps = 24
    before = snapshot()

    result = bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=str(WAVE), armature="Hero", frame_start=21)

    assert result == {"FINISHED"}
    first, last = key_frames(hero)
    assert first == 21
    assert last == 21 + 5 * 24 - 1
    frames = range(21, int(last), 3)
    seconds = (np.array(frames) - 21) / 24
    assert_moves_like_the_clip(hero, WAVE, truth.mixamo_name, frames, seconds, ("knee_l", "knee_r", "hand_r", "hand_l"))
    after = snapshot()
    assert after.pop("actions") == [hero.animation_data.action.name]
    assert after == {key: value for key, value in before.items() if key != "actions"}


def test_trimmed_strip_onto_a_rigify_metarig(use_service) -> None:
    hero = characters.make_rigify_metarig_character("Hero")
    scene = bpy.context.scene
    scene.render.fps = 30
    strip = add_strip(scene, PUNCH, 101)
    set_handles(strip, 111, 181)  # file frames 10 to 79
    scene_before = (scene.frame_current, scene.frame_start, scene.frame_end, scene.render.fps)

    assert bpy.ops.aimocap.capture_strip("EXEC_DEFAULT", armature="Hero") == {"FINISHED"}

    assert (scene.frame_current, scene.frame_start, scene.frame_end, scene.render.fps) == scene_before

    first, last = key_frames(hero)
    assert first == 111
    assert last == 180  # the strip's last frame
    frames = range(111, 180, 2)
    seconds = (np.array(frames) - 101) / 30
    # Arms that point at the camera are what one camera shows least of.
    assert_moves_like_the_clip(
        hero, PUNCH, truth.rigify_name, frames, seconds, ("elbow_l", "elbow_r"), bend_error=35.0, correlation=0.65
    )


def test_without_a_character_the_captured_skeleton_moves(use_service) -> None:
    clip = bpy.data.movieclips.load(str(WAVE))
    bpy.context.scene.render.fps = 30

    assert bpy.ops.aimocap.capture_clip("EXEC_DEFAULT", clip=clip.name) == {"FINISHED"}

    (armature,) = (each for each in bpy.data.objects if each.type == "ARMATURE")
    first, last = key_frames(armature)
    assert (first, last) == pytest.approx((clip.frame_start, clip.frame_start + 149))
    frames = range(int(first), int(last), 3)
    seconds = (np.array(frames) - first) / 30
    assert_moves_like_the_clip(armature, WAVE, truth.metahuman_name, frames, seconds, ("knee_l", "hand_r"))
    head = truth.world_heads(armature, ["head"], range(1, 2))["head"][0]
    assert 1.2 < head[2] < 1.9  # metres: it stands upright, at a person's size


def test_a_finished_capture_is_imported_again_onto_another_character(use_service) -> None:
    characters.make_mixamo_character("Hero")
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=str(WAVE), armature="Hero", trim_start=1.0, trim_end=2.0)
    other = characters.make_unreal_character("Other")
    assert bpy.ops.aimocap.import_capture("EXEC_DEFAULT", use_armature=True, armature="Other") == {"FINISHED"}
    assert other.animation_data.action is not None

    third = characters.make_mixamo_character("Third")
    assert bpy.ops.aimocap.bind_motion("EXEC_DEFAULT", source="Other", target="Third") == {"FINISHED"}
    assert key_frames(third) == key_frames(other)


def test_upper_body_leaves_the_legs_at_rest(use_service) -> None:
    hero = characters.make_unreal_character("Hero")
    bpy.ops.aimocap.capture_file(
        "EXEC_DEFAULT", filepath=str(WAVE), armature="Hero", mocap_type="upper_body", trim_start=2.5, trim_end=4.0
    )
    first, last = key_frames(hero)
    heads = truth.world_heads(hero, ["thigh_l", "foot_l", "hand_l"], range(int(first), int(last)))
    assert np.ptp(heads["foot_l"], axis=0).max() < 0.01
    assert np.ptp(heads["hand_l"], axis=0).max() > 0.1


def test_v_credits_are_charged_once_per_second_however_many_characters_move(use_service) -> None:
    for name in ("Hero", "Second"):
        rigs.build(name, rigs.UNREAL).select_set(True)
    bpy.ops.aimocap.capture_file(
        "EXEC_DEFAULT", filepath=str(WAVE), armature="Hero", use_selected=True, trim_start=1.0, trim_end=2.0
    )
    assert key_frames(bpy.data.objects["Second"]) == key_frames(bpy.data.objects["Hero"])
    listed = run_command("keys", "list", "--data", str(use_service.data)).stdout
    assert "99" in listed.splitlines()[-1]
