# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview video of a job: the source with the solved skeleton over it, and the skeleton from another side.

Frames are read, drawn and written one by one. The codec is MPEG-4 Part 2: of those that OpenCV's wheels can write on
every system, it is the one that takes little time, and all Blenders read it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from ...motion.rotations import Array, quaternion_rotate
from ...motion.skeleton import Skeleton, forward_kinematics, stacked
from .drawing import AngledView, Body, Figure, draw_segments, draw_standing
from .interface import ProgressCallback, SolvedCamera, SolvedMotion, SolveRequest
from .video import frame_rate, read_frames, thinned

# Pixels of the source's part; drawing and encoding more would take a fifth of a whole job.
_MAX_WIDTH, _MAX_HEIGHT = 960, 540
_CHUNK = 240  # frames whose joints are held in memory


class PreviewError(Exception):
    """No preview video could be made; the message is one sentence."""


def write_preview(request: SolveRequest, motion: SolvedMotion, path: Path, progress: ProgressCallback) -> None:
    """Write the preview of `motion`, solved for `request`, as MP4: as long as the motion, at the source's frame rate.

    Raises PreviewError, or whatever `progress` raises; no file is then left.
    """
    try:
        _write(request, motion, path, progress)
        if not path.is_file() or not path.stat().st_size:
            raise PreviewError("The preview video could not be written: check the disk's free space.")
    except (cv2.error, OSError) as error:
        path.unlink(missing_ok=True)
        raise PreviewError(f"The preview video could not be written ({error}).") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write(request: SolveRequest, motion: SolvedMotion, path: Path, progress: ProgressCallback) -> None:
    rate = thinned(frame_rate(request.video))
    seconds = len(motion.rotations) / motion.fps
    count = max(1, round(seconds * rate))
    bodies = _bodies(motion, np.arange(count) * motion.fps / rate)
    pictures = _steady(
        read_frames(request.video, request.start_sec, request.end_sec, (_MAX_WIDTH, _MAX_HEIGHT)),
        request.start_sec,
        rate,
        count,
    )
    view = AngledView.of(motion)
    with contextlib.closing(pictures):
        first = next(pictures)
        height, width = (max(2, side // 2 * 2) for side in first.shape[:2])  # even, as the codec wants them
        frame = np.zeros((height, width + view.width(height), 3), np.uint8)
        writer = _writer(path, rate, frame)
        try:
            for number, (picture, body) in enumerate(zip(chain([first], pictures), bodies, strict=True)):
                frame[:, :width] = picture[:height, :width]
                if motion.camera is not None:
                    _draw_over(frame[:, :width], motion.camera, body)
                view.draw(frame[:, width:], body, rate)
                writer.write(frame)
                progress((number + 1) / count, "Drawing the preview")
        finally:
            writer.release()


def _steady(frames: Iterator[tuple[float, Array]], start: float, rate: float, count: int) -> Generator[np.ndarray]:
    """Yield `count` pictures at a steady rate: at each moment the newest of `frames`, whose times may be uneven."""
    shown: np.ndarray | None = None
    number = 0
    for seconds, picture in frames:
        # Half a frame of tolerance, since times are rounded to the container's clock.
        due = max(0, int(np.floor((seconds - start) * rate - 0.5)) + 1)
        while shown is not None and number < min(due, count):
            yield shown
            number += 1
        shown = picture
        if number >= count:
            return
    while shown is not None and number < count:
        yield shown
        number += 1


def _writer(path: Path, rate: float, frame: np.ndarray) -> cv2.VideoWriter:
    height, width = frame.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    if not writer.isOpened():
        raise PreviewError("The preview video could not be begun: check the disk's free space.")
    return writer


def _bodies(motion: SolvedMotion, at: Array) -> Iterator[Body]:
    """Yield the skeleton at each of the fractional motion frames `at`, which rise."""
    skeleton = Skeleton(motion.names, motion.parents, motion.rest_matrices)
    bones = tuple(range(len(motion.names)))
    figure = Figure.of(motion)
    standers = {bone: motion.standing[name] for bone, name in enumerate(motion.names) if name in motion.standing}
    last = len(motion.rotations) - 1
    for first in range(0, len(at), _CHUNK):
        moments = np.clip(at[first : first + _CHUNK], 0.0, last)
        low, high = int(moments[0]), min(int(moments[-1]) + 2, last + 1)
        rotations = {bone: motion.rotations[low:high, bone] for bone in bones}
        locations = {bone: motion.locations[low:high, bone] for bone in bones}
        turned, placed = forward_kinematics(skeleton, bones, rotations, locations)
        heads = stacked([placed[bone] for bone in bones], high - low)
        axes = stacked([turned[bone] for bone in bones], high - low)
        tails = heads + quaternion_rotate(axes, np.array((0.0, 1.0, 0.0)) * motion.lengths[:, None, None])
        joints = np.stack((heads, tails), axis=1)  # (B, 2, F, 3)
        for moment in moments:
            frame = int(moment)
            share = moment - frame
            here, there = frame - low, min(frame + 1, last) - low
            between = joints[:, :, here] * (1.0 - share) + joints[:, :, there] * share
            nearest = min(round(float(moment)), last)
            feet = [between[bone].mean(axis=0) for bone, flags in standers.items() if flags[nearest]]
            yield Body(
                figure,
                nearest,
                figure.lines(between[:, 0], between[:, 1]),
                between[figure.starts[0], 0],
                np.array(feet).reshape(-1, 3),
            )


def _draw_over(picture: np.ndarray, camera: SolvedCamera, body: Body) -> None:
    height, width = picture.shape[:2]
    matrix = camera.matrices[body.frame]
    focal = camera.focal * max(width, height)

    def project(points: Array) -> tuple[Array, Array]:
        seen = points @ matrix[:, :3].T + matrix[:, 3]
        depth = np.maximum(seen[..., 2], 1e-6)
        return seen[..., :2] / depth[..., None] * focal + (0.5 * width, 0.5 * height), depth

    size = height / 200.0
    draw_standing(picture, body, project, size)
    draw_segments(picture, body, project, size)
