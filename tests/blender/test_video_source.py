# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person points at resolves into the window that Blender itself shows, to the frame.

The videos' frames carry their own number, so each case asks Blender's sequencer what it shows at the strip's
first and last frame and compares that with the seconds that would be sent.
"""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import counted_video
import pytest

from aimocap_addon.scene import compat, video_source
from aimocap_addon.scene.errors import SceneError

RATES = {"23.976": (24, 1.001), "25": (25, 1.0), "30": (30, 1.0), "60": (60, 1.0)}
STRIP_START = 11


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {name: counted_video.write(folder / f"{name}.mp4", *rate) for name, rate in RATES.items()}


@pytest.fixture
def scene() -> bpy.types.Scene:
    # The factory scene with its window, since adding a strip as a person does needs a sequencer area.
    bpy.ops.wm.read_factory_settings(use_empty=False)
    return bpy.context.scene


def add_by_frame(scene: bpy.types.Scene, video: Path):
    """Add a strip that shows one file frame per scene frame, as Python's `new_movie` does."""
    editor = scene.sequence_editor_create() or scene.sequence_editor
    strip = counted_video.strips_of(editor).new_movie(
        name="clip", filepath=str(video), channel=1, frame_start=STRIP_START
    )
    editor.active_strip = strip
    return strip


def add_by_time(scene: bpy.types.Scene, video: Path):
    """Add a strip that plays at the file's speed, as Add > Movie does."""
    window = bpy.context.window_manager.windows[0]
    window.scene = scene
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = scene
    area = next(each for each in window.screen.areas if each.type == "VIEW_3D")
    area.type = "SEQUENCE_EDITOR"
    region = next(each for each in area.regions if each.type == "WINDOW")
    scene.sequence_editor_create()
    extra = {"move_strips": False} if bpy.app.version >= (5, 0, 0) else {}
    with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
        bpy.ops.sequencer.movie_strip_add(
            filepath=str(video), frame_start=STRIP_START, channel=1, sound=False, use_framerate=False,
            set_view_transform=False, **extra,
        )  # fmt: skip
    strips = counted_video.strips_of(scene.sequence_editor)
    strip = next(each for each in strips if each.type == "MOVIE")
    scene.sequence_editor.active_strip = strip
    return strip


def trim(strip, left: int, right: int) -> None:
    """Move the handles inwards by this many scene frames."""
    if hasattr(strip, "left_handle"):
        strip.left_handle += left
        strip.right_handle -= right
    else:
        strip.frame_final_start += left
        strip.frame_final_end -= right


def first_and_last_file_frame(source: video_source.VideoSource) -> tuple[float, float]:
    end = source.duration_sec if source.trim_end_sec is None else source.trim_end_sec
    return (source.trim_start_sec or 0.0) * source.fps, end * source.fps - 1


@pytest.mark.parametrize("add", [add_by_frame, add_by_time])
@pytest.mark.parametrize("handles", [(0, 0), (7, 5)], ids=["whole", "trimmed"])
@pytest.mark.parametrize("scene_rate", [24, 30])
@pytest.mark.parametrize("rate", list(RATES))
def test_window_is_what_the_strip_shows(scene, videos, tmp_path, rate, scene_rate, handles, add) -> None:
    scene.render.fps, scene.render.fps_base = scene_rate, 1.0
    strip = add(scene, videos[rate])
    trim(strip, *handles)
    left, right = compat.strip_frames(strip)[:2]

    source = video_source.from_strip(scene, strip)

    shown_first = counted_video.shown_frame(scene, left, tmp_path)
    shown_last = counted_video.shown_frame(scene, right - 1, tmp_path)
    first, last = first_and_last_file_frame(source)
    assert source.frame_start == left == STRIP_START + handles[0]
    # Where rates differ the window's ends fall between file frames; Blender shows the one before or at them.
    assert math.isclose(first, shown_first, abs_tol=1.0)
    step = source.fps / source.frames_per_second  # file frames per scene frame
    assert math.isclose(last, shown_last, abs_tol=max(1.0, step))
    # Every scene frame in between: its moment in the video is the frame shown there.
    for frame in range(left, right, 9):
        seconds = (source.trim_start_sec or 0.0) + (frame - source.frame_start) / source.frames_per_second
        assert math.isclose(seconds * source.fps, counted_video.shown_frame(scene, frame, tmp_path), abs_tol=1.0)


@pytest.mark.parametrize("rate", list(RATES))
def test_a_strip_at_the_files_own_rate_is_sent_to_the_frame(scene, videos, rate) -> None:
    scene.render.fps, scene.render.fps_base = RATES[rate]
    strip = add_by_frame(scene, videos[rate])
    trim(strip, 10, 20)

    source = video_source.from_strip(scene, strip)

    assert first_and_last_file_frame(source) == pytest.approx((10, counted_video.FRAMES - 21), abs=1e-3)
    assert source.frames_per_second == pytest.approx(source.fps, rel=1e-5)


def test_an_untrimmed_strip_sends_no_trim(scene, videos) -> None:
    source = video_source.from_strip(scene, add_by_frame(scene, videos["30"]))
    assert (source.trim_start_sec, source.trim_end_sec) == (None, None)
    assert source.duration_sec == pytest.approx(counted_video.FRAMES / 30)


def test_a_moved_strip_moves_the_motion(scene, videos) -> None:
    scene.render.fps = 30
    strip = add_by_frame(scene, videos["30"])
    setattr(strip, "content_start" if hasattr(strip, "content_start") else "frame_start", 101)
    source = video_source.from_strip(scene, strip)
    assert (source.frame_start, source.trim_start_sec) == (101, None)


def test_handles_beyond_the_video_do_not_widen_the_window(scene, videos) -> None:
    scene.render.fps = 30
    strip = add_by_frame(scene, videos["30"])
    trim(strip, -10, -10)  # Blender then holds the first and last frame
    source = video_source.from_strip(scene, strip)
    assert (source.frame_start, source.trim_start_sec, source.trim_end_sec) == (STRIP_START, None, None)


def test_hold_offsets_count_as_trims(scene, videos, tmp_path) -> None:
    scene.render.fps = 30
    strip = add_by_frame(scene, videos["30"])
    setattr(strip, "content_trim_start" if hasattr(strip, "content_trim_start") else "animation_offset_start", 5)
    source = video_source.from_strip(scene, strip)
    shown = counted_video.shown_frame(scene, int(source.frame_start), tmp_path)
    assert shown == 5
    assert (source.trim_start_sec or 0.0) * 30 == pytest.approx(shown)


def test_resolving_leaves_no_data_behind(scene, videos) -> None:
    strip = add_by_frame(scene, videos["25"])
    video_source.from_strip(scene, strip)
    assert len(bpy.data.movieclips) == 0


def test_clip_starts_where_it_stands_on_the_timeline(scene, videos) -> None:
    clip = bpy.data.movieclips.load(str(videos["25"]))
    clip.frame_start = 40
    source = video_source.from_clip(scene, clip)
    assert (source.frame_start, source.trim_start_sec, source.trim_end_sec) == (40, None, None)
    assert source.fps == pytest.approx(25)
    clip.frame_offset = 5  # the clip then skips the file's first five frames
    assert video_source.from_clip(scene, clip).trim_start_sec == pytest.approx(5 / 25)


def test_file_lands_on_the_scenes_first_frame_or_the_one_asked_for(scene, videos) -> None:
    scene.frame_start = 5
    assert video_source.from_file(scene, videos["30"]).frame_start == 5
    source = video_source.from_file(scene, videos["30"], trim_start_sec=0.5, trim_end_sec=1.5, frame_start=77)
    assert (source.frame_start, source.trim_start_sec, source.trim_end_sec) == (77, 0.5, 1.5)
    assert source.window_sec == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda scene, videos: None, "No strip is active"),
        (
            lambda scene, videos: setattr(
                scene.sequence_editor_create() or scene.sequence_editor,
                "active_strip",
                counted_video.strips_of(scene.sequence_editor).new_effect(
                    name="c", type="COLOR", channel=1, frame_start=1,
                    **({"length": 9} if bpy.app.version >= (5, 0, 0) else {"frame_end": 10}),
                ),
            ),
            "of type Color",
        ),
    ],
    ids=["no strip", "colour strip"],
)  # fmt: skip
def test_no_movie_strip_is_one_sentence(scene, videos, prepare, sentence) -> None:
    prepare(scene, videos)
    with pytest.raises(SceneError, match=sentence):
        video_source.active_movie_strip(bpy.context)


def test_reversed_strip_is_refused(scene, videos) -> None:
    strip = add_by_frame(scene, videos["30"])
    strip.use_reverse_frames = True
    with pytest.raises(SceneError, match="plays in reverse"):
        video_source.from_strip(scene, strip)


def test_strip_shown_outside_its_content_is_refused(scene, videos) -> None:
    strip = add_by_frame(scene, videos["30"])
    trim(strip, -30, counted_video.FRAMES + 10)  # only frames before the content are left
    with pytest.raises(SceneError, match="shows no frame"):
        video_source.from_strip(scene, strip)


@pytest.mark.parametrize(("start", "end"), [(1.0, 1.0), (5.0, 6.0)], ids=["no length", "after the end"])
def test_empty_trim_is_refused(scene, videos, start, end) -> None:
    with pytest.raises(SceneError, match="is empty"):
        video_source.from_file(scene, videos["30"], trim_start_sec=start, trim_end_sec=end)


def test_missing_file_and_no_video_are_refused(scene, tmp_path) -> None:
    with pytest.raises(SceneError, match="does not exist"):
        video_source.from_file(scene, tmp_path / "absent.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with pytest.raises(SceneError, match="not a video"):
        video_source.from_file(scene, text)
    assert len(bpy.data.movieclips) == 0
