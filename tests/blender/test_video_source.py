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

from aimocap_addon.scene import compat, movie_strips, video_source
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
    source = video_source.from_clip(clip)
    assert (source.frame_start, source.trim_start_sec, source.trim_end_sec) == (40, None, None)
    assert source.fps == pytest.approx(25)
    clip.frame_offset = 5  # the clip then skips the file's first five frames
    assert video_source.from_clip(clip).trim_start_sec == pytest.approx(5 / 25)


def test_file_lands_on_the_scenes_first_frame_or_the_one_asked_for(scene, videos) -> None:
    scene.frame_start = 5
    assert video_source.from_file(scene, videos["30"]).frame_start == 5
    source = video_source.from_file(scene, videos["30"], trim_start_sec=0.5, trim_end_sec=1.5, frame_start=77)
    assert (source.frame_start, source.trim_start_sec, source.trim_end_sec) == (77, 0.5, 1.5)
    assert source.window_sec == pytest.approx(1.0)


def add_speed_effect(scene: bpy.types.Scene, strip):
    inputs = ("input1", "seq1")[bpy.app.version < (4, 4, 0)]
    length = {"length": 60} if bpy.app.version >= (5, 0, 0) else {"frame_end": STRIP_START + 60}
    return counted_video.strips_of(scene.sequence_editor).new_effect(
        name="Faster", type="SPEED", channel=2, frame_start=STRIP_START, **{inputs: strip}, **length
    )


def add_meta(scene: bpy.types.Scene, strip, channel: int = 3):
    meta = counted_video.strips_of(scene.sequence_editor).new_meta(name="Scenes", channel=channel, frame_start=1)
    strip.move_to_meta(meta)
    left, right = compat.strip_frames(strip)[:2]
    if hasattr(meta, "left_handle"):
        meta.content_start, meta.right_handle = left, right
    else:
        meta.frame_start, meta.frame_final_end = left, right
    return meta


def select_only(scene: bpy.types.Scene, *strips) -> None:
    for each in counted_video.strips_of(scene.sequence_editor):
        each.select = each in strips
    scene.sequence_editor.active_strip = strips[-1] if strips else None


def test_selected_movies_are_chosen_by_where_they_begin_without_what_lies_beside(scene, videos) -> None:
    first = add_by_frame(scene, videos["30"])
    strips = counted_video.strips_of(scene.sequence_editor)
    second = strips.new_movie(name="later", filepath=str(videos["25"]), channel=2, frame_start=90)
    other = strips.new_movie(name="other", filepath=str(videos["25"]), channel=3, frame_start=1)
    length = {"length": 9} if bpy.app.version >= (5, 0, 0) else {"frame_end": 99}
    beside = strips.new_effect(name="beside", type="COLOR", channel=4, frame_start=90, **length)
    select_only(scene, second, beside, first)
    assert [strip.name for strip in movie_strips.chosen_strips(bpy.context)] == ["clip", "later"]
    select_only(scene, second)
    scene.sequence_editor.active_strip = other  # active without being selected: what the panel then shows
    assert [strip.name for strip in movie_strips.chosen_strips(bpy.context)] == ["other"]


def test_what_is_no_movie_is_refused_with_what_to_do(scene, videos, tmp_path) -> None:
    with pytest.raises(SceneError, match="No strip is selected"):
        movie_strips.chosen_strips(bpy.context)
    movie = add_by_frame(scene, videos["30"])
    strips = counted_video.strips_of(scene.sequence_editor)
    picture = bpy.data.images.new("picture", 8, 8)
    picture.filepath_raw, picture.file_format = str(tmp_path / "0001.png"), "PNG"
    picture.save()
    length = {"length": 9} if bpy.app.version >= (5, 0, 0) else {"frame_end": 10}
    sources = {
        "shows images: render them as a movie": strips.new_image(
            name="a", filepath=str(tmp_path / "0001.png"), channel=5, frame_start=1
        ),
        "meta strip: open it with Tab": strips.new_meta(name="b", channel=6, frame_start=1),
        "shows a scene: render it": strips.new_scene(
            name="c", scene=bpy.data.scenes.new("other"), channel=7, frame_start=1
        ),
    }
    for sentence, strip in sources.items():
        select_only(scene, strip, movie)  # with a movie, too: nothing that looks like a source is left out silently
        with pytest.raises(SceneError, match=sentence):
            movie_strips.chosen_strips(bpy.context)
    colour = strips.new_effect(name="d", type="COLOR", channel=8, frame_start=1, **length)
    select_only(scene, colour)
    with pytest.raises(SceneError, match="of type Color: select a movie strip"):
        movie_strips.chosen_strips(bpy.context)
    select_only(scene, colour, movie)
    assert movie_strips.chosen_strips(bpy.context) == [movie]


def test_muted_strip_is_captured_as_it_would_be_shown(scene, videos) -> None:
    strip = add_by_frame(scene, videos["30"])
    trim(strip, 7, 5)
    shown = video_source.from_strip(scene, strip)
    strip.mute = True
    assert video_source.from_strip(scene, strip) == shown


def test_proxies_do_not_change_what_is_captured(scene, videos) -> None:
    strip = add_by_frame(scene, videos["30"])
    shown = video_source.from_strip(scene, strip)
    strip.use_proxy = True
    strip.proxy.build_25 = True
    assert video_source.from_strip(scene, strip) == shown


@pytest.mark.parametrize("setting", ["use_flip_x", "use_flip_y"])
def test_mirrored_strip_is_refused(scene, videos, setting) -> None:
    strip = add_by_frame(scene, videos["30"])
    setattr(strip, setting, True)
    with pytest.raises(SceneError, match=r"turn off Mirror [XY]"):
        video_source.from_strip(scene, strip)


def test_retimed_strip_is_refused(scene, videos) -> None:
    strip = add_by_time(scene, videos["30"])
    window = bpy.context.window_manager.windows[0]
    area = next(each for each in window.screen.areas if each.type == "SEQUENCE_EDITOR")
    region = next(each for each in area.regions if each.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
        bpy.ops.sequencer.retiming_segment_speed_set(speed=50.0)
    with pytest.raises(SceneError, match="is retimed: clear its retiming keys"):
        video_source.from_strip(scene, strip)


def test_strip_under_a_speed_effect_is_refused_until_that_is_muted(scene, videos) -> None:
    strip = add_by_frame(scene, videos["30"])
    before = movie_strips.playback_mark(scene, strip)
    effect = add_speed_effect(scene, strip)
    assert movie_strips.playback_mark(scene, strip) != before
    with pytest.raises(SceneError, match="at the speed of “Faster”: mute or delete"):
        video_source.from_strip(scene, strip)
    effect.mute = True
    assert video_source.from_strip(scene, strip).trim_start_sec is None
    assert movie_strips.playback_mark(scene, strip) == before


def test_strip_in_a_meta_strip_is_captured_as_far_as_that_shows_it(scene, videos, tmp_path) -> None:
    scene.render.fps = 30
    strip = add_by_frame(scene, videos["30"])
    meta = add_meta(scene, strip)
    trim(meta, 10, 20)
    left, right = compat.strip_frames(meta)[:2]
    source = video_source.from_strip(scene, strip)
    first, last = first_and_last_file_frame(source)
    assert source.frame_start == left
    assert first == pytest.approx(counted_video.shown_frame(scene, left, tmp_path))
    assert last == pytest.approx(counted_video.shown_frame(scene, right - 1, tmp_path))
    setattr(meta, "content_start" if hasattr(meta, "content_start") else "frame_start", 101)  # takes its strips along
    moved = video_source.from_strip(scene, strip)
    left = compat.strip_frames(meta).left
    assert moved.frame_start == left
    assert moved.trim_start_sec == source.trim_start_sec
    assert round(first_and_last_file_frame(moved)[0]) == counted_video.shown_frame(scene, left, tmp_path)


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
