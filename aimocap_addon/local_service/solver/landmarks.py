# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose landmarks of a video window, found by MediaPipe 0.10 on the CPU.

MediaPipe's package imports drawing helpers that need matplotlib; an empty stand-in module keeps that
dependency away, since nothing is drawn here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import cv2
import numpy as np

from ...motion.rotations import Array
from .interface import NobodyFoundError, ProgressCallback, SolveRequest, UnreadableVideoError
from .video import frame_rate, read_frames

LANDMARK_COUNT = 33
# Fewer frames with a person than this share of the window are chance finds, not a performance.
_MIN_SHARE_FOUND = 0.1


@dataclass(frozen=True)
class LandmarkTrack:
    """Landmarks on a uniform time grid.

    `start` is the first frame's time in seconds of the file, `rate` frames per second.
    `world` (F, 33, 3) are metres, x right, y down, z away from the camera, origin mid-hip.
    `image` (F, 33, 2) are pixels from the picture's centre divided by its longer side, x right, y down.
    `visibility` (F, 33) in 0..1 is zero on frames where nobody was found and the gap was bridged.
    """

    start: float
    rate: float
    world: Array
    image: Array
    visibility: Array
    frames_without_person: int


def find_landmarks(request: SolveRequest, progress: ProgressCallback) -> LandmarkTrack:
    """Find the person in every frame of the window; gaps are bridged linearly.

    Raises UnreadableVideoError and NobodyFoundError; whatever `progress` raises passes through.
    """
    times: list[float] = []
    found: list[bool] = []
    world: list[np.ndarray] = []
    image: list[np.ndarray] = []
    visibility: list[np.ndarray] = []
    window = max(request.end_sec - request.start_sec, 1e-6)
    with _pose_model() as model:
        for seconds, picture in read_frames(request.video, request.start_sec, request.end_sec):
            height, width = picture.shape[:2]
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # noqa: PLW2901
            # The graph goes on warning until it has tracked somebody once.
            with contextlib.nullcontext() if world else _quiet_stderr():
                result = model.process(picture)
            times.append(seconds)
            found.append(result.pose_landmarks is not None)
            if result.pose_landmarks is not None:
                points = np.array([(p.x, p.y, p.visibility) for p in result.pose_landmarks.landmark])
                world.append(np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks.landmark]))
                image.append((points[:, :2] - 0.5) * (width, height) / max(width, height))
                visibility.append(points[:, 2])
            progress(min(1.0, (seconds - request.start_sec) / window), "Finding the person")
    if len(times) < 2:
        raise UnreadableVideoError(f"The window of {request.video.name} holds a single frame; choose a longer one.")
    if sum(found) < max(2.0, _MIN_SHARE_FOUND * len(found)):
        raise NobodyFoundError(
            "No person was found in the video; use a clip in which one person is well lit and fully in view."
        )
    return _on_uniform_grid(
        np.array(times),
        np.array(found),
        np.stack(world),
        np.stack(image),
        np.stack(visibility),
        nominal_rate=frame_rate(request.video),
    )


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


@contextlib.contextmanager
def _pose_model() -> Iterator[Any]:
    for name in ("matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(name, types.ModuleType(name))
    with _quiet_stderr():
        pose = import_module("mediapipe.python.solutions.pose")
        # Complexities 0 and 2 would download their models; 1 ships inside the wheel.
        # Landmarks are smoothed later, in both directions of time, so the causal filter stays off.
        model = pose.Pose(model_complexity=1, smooth_landmarks=False)
        # The graph starts its calculators, and their chatter, with the first picture.
        model.process(np.zeros((64, 64, 3), np.uint8))
    with model:
        yield model


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Drop what native code writes to the process's stderr; Python's own errors still raise."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as sink:  # noqa: PTH123 - a device, not a path
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
