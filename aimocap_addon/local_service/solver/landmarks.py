# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose landmarks of a video window, found by MediaPipe 0.10 on the CPU."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ...motion.rotations import Array
from .hand_track import HandObservations, HandTrack
from .interface import NobodyFoundError, ProgressCallback, SolveRequest, UnreadableVideoError
from .models import people_detector, pose_model, quiet_stderr
from .people import Follower
from .video import frame_rate, read_frames

LANDMARK_COUNT = 33
# Fewer frames with a person than this share of the window are chance finds, not a performance.
_MIN_SHARE_FOUND = 0.1
_BRIDGED_SEC = 0.25  # gaps up to this hide no more than a part of a step
_LEGS = [25, 26, 27, 28]  # knees and ankles
_LEGS_SEEN = 0.4  # mean visibility: full figures have 0.8 and more, figures cut at the waist 0.1


@dataclass(frozen=True)
class LandmarkTrack:
    """Landmarks on a uniform time grid.

    `start` is the first frame's time in seconds of the file, `rate` frames per second.
    `world` (F, 33, 3) are metres, x right, y down, z away from the camera, origin mid-hip.
    `image` (F, 33, 2) are pixels from the picture's centre divided by its longer side, x right, y down.
    `visibility` (F, 33) in 0..1 is zero on frames where nobody was found and the gap was bridged.
    `warnings` are sentences for the person; `hands` are there if they were asked for.
    """

    start: float
    rate: float
    world: Array
    image: Array
    visibility: Array
    frames_without_person: int
    warnings: tuple[str, ...] = ()
    hands: HandTrack | None = None


def find_landmarks(request: SolveRequest, progress: ProgressCallback) -> LandmarkTrack:
    """Find the person in every frame of the window; gaps are bridged linearly, and told in the warnings.

    Raises UnreadableVideoError, NobodyFoundError and SeveralPeopleError; whatever `progress` raises passes through.
    """
    times: list[float] = []
    found: list[bool] = []
    world: list[np.ndarray] = []
    image: list[np.ndarray] = []
    visibility: list[np.ndarray] = []
    window = max(request.end_sec - request.start_sec, 1e-6)
    hands = HandObservations()
    with pose_model(request.options.hands) as model, people_detector() as detect:
        follower = Follower(model, detect)
        for seconds, picture in read_frames(request.video, request.start_sec, request.end_sec):
            height, width = picture.shape[:2]
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # noqa: PLW2901
            # The graph goes on warning until it has tracked somebody once.
            with contextlib.nullcontext() if world else quiet_stderr():
                result = follower.pose(seconds, picture)
            times.append(seconds)
            found.append(result is not None)
            if result is not None:
                points = np.array([(p.x, p.y, p.visibility) for p in result.pose_landmarks.landmark])
                world.append(np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks.landmark]))
                image.append((points[:, :2] - 0.5) * (width, height) / max(width, height))
                visibility.append(points[:, 2])
                if request.options.hands:
                    hands.add(seconds, result, (width, height))
            progress(min(1.0, (seconds - request.start_sec) / window), "Finding the person")
    if len(times) < 2:
        raise UnreadableVideoError(f"The window of {request.video.name} holds a single frame; choose a longer one.")
    if sum(found) < max(2.0, _MIN_SHARE_FOUND * len(found)):
        raise NobodyFoundError(
            "No person was found in the video; use a clip in which one person is well lit and fully in view."
        )
    follower.require_one()
    track = _on_uniform_grid(
        np.array(times),
        np.array(found),
        np.stack(world),
        np.stack(image),
        np.stack(visibility),
        nominal_rate=frame_rate(request.video),
    )
    warnings = [follower.warning, _gap_warning(np.array(times), np.array(found)), _leg_warning(track, request)]
    return replace(
        track,
        warnings=tuple(filter(None, warnings)),
        hands=hands.on_grid(track.start, track.rate, len(track.world)) if request.options.hands else None,
    )


def _gap_warning(times: Array, found: np.ndarray) -> str:
    """Return where the person was not seen for so long that what is there is made up, or an empty text."""
    edges = np.flatnonzero(np.diff(np.concatenate(([True], found, [True])).astype(np.int8)))
    ends = np.append(times, times[-1])
    gaps = [(float(times[a]), float(ends[b])) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    long = [(a, b) for a, b in gaps if b - a > _BRIDGED_SEC]
    if not long:
        return ""
    start, end = max(long, key=lambda gap: gap[1] - gap[0])
    more = f" and in {len(long) - 1} more places" if len(long) > 2 else " and once more" if len(long) == 2 else ""
    return f"Nobody was seen from {start:.1f} s to {end:.1f} s of the video{more}: the motion there is made up."


def _leg_warning(track: LandmarkTrack, request: SolveRequest) -> str:
    if request.mocap_type == "upper_body" or track.visibility[:, _LEGS].mean() > _LEGS_SEEN:
        return ""
    return "The legs are hardly in view, so their motion is made up: capture the upper body alone."


def _on_uniform_grid(
    times: Array, found: np.ndarray, world: Array, image: Array, visibility: Array, *, nominal_rate: float
) -> LandmarkTrack:
    """Interpolate found frames (N, ...) onto a uniform grid from the first to the last frame's time."""
    spacing = float(np.median(np.diff(times))) if len(times) > 1 else 1.0 / nominal_rate
    if abs(spacing * nominal_rate - 1.0) < 0.05:  # timestamps are rounded to the container's clock
        spacing = 1.0 / nominal_rate
    count = max(1, round((times[-1] - times[0]) / spacing) + 1)
    grid = times[0] + np.arange(count) * spacing
    found_times = times[found]

    def interpolate(values: Array) -> Array:
        flat = values.reshape(len(values), -1)
        columns = [np.interp(grid, found_times, column) for column in flat.T]
        return np.stack(columns, axis=-1).reshape(count, *values.shape[1:])

    right = np.clip(np.searchsorted(found_times, grid), 1, len(found_times) - 1)
    nearest_frame = np.minimum(np.abs(grid - found_times[right - 1]), np.abs(grid - found_times[right]))
    bridged = nearest_frame > 0.75 * spacing
    visible = np.where(bridged[:, None], 0.0, interpolate(visibility))
    return LandmarkTrack(
        start=float(times[0]),
        rate=1.0 / spacing,
        world=interpolate(world),
        image=interpolate(image),
        visibility=visible,
        frames_without_person=int(np.sum(~found)),
    )
