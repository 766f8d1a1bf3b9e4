# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in solver: a window of a video to motion on the body skeleton."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...motion.rotations import Array, quaternion_slerp
from .arms import place_arms
from .contacts import find_contacts
from .feet import lock_feet
from .fit import POINT_NAMES, Ground, fit_positions, initial_positions, likely_accelerations, observe
from .hands import place_hands
from .interface import ProgressCallback, SolvedMotion, SolveRequest
from .landmarks import LandmarkTrack, find_landmarks
from .lens import focal_length, recorded_field_of_view
from .onlooker import heading_between, seen_by, standing_bones
from .pose import rotations_from_positions
from .skeleton import STATURE, body_skeleton
from .world import camera_pitch, forward_in_camera, upright_offsets, world_from_camera

_FIND_SHARE = 0.85  # of the solve


class MediaPipeSolver:
    """Solves with MediaPipe's pose landmarks on the CPU; implements the `Solver` protocol."""

    def solve(self, request: SolveRequest, progress: ProgressCallback) -> SolvedMotion:
        """Solve the window; raises SolveError, or whatever `progress` raises.

        Motion frame k shows the video at start_sec + k / export_fps. There are
        round((end_sec - start_sec) * export_fps) frames: like a video's own, each stands for the time until the next.
        """
        track = find_landmarks(request, lambda done, text: progress(done * _FIND_SHARE, text))

        def solving(share: float) -> None:
            progress(_FIND_SHARE + (1.0 - _FIND_SHARE) * share, "Solving motion")

        solving(0.0)
        motion = solve_track(track, request, solving)
        solving(1.0)
        return motion


def solve_track(
    track: LandmarkTrack, request: SolveRequest, progress: Callable[[float], None] = lambda _share: None
) -> SolvedMotion:
    """Return the motion of found landmarks over the request's window, as far as the video reaches."""
    upper_body = request.mocap_type == "upper_body"
    skeleton = body_skeleton()
    focal = focal_length(request.options.field_of_view_deg or recorded_field_of_view(request.video))
    seen = observe(track, focal)
    pitch, lean = camera_pitch(seen.offsets, upper_body)
    seen = replace(seen, offsets=upright_offsets(seen.offsets, pitch, lean))
    camera = fit_positions(seen, initial_positions(seen), progress=lambda share: progress(0.5 * share))
    contacts = find_contacts(camera, world_from_camera(camera, pitch), track.rate)
    accelerations = likely_accelerations(camera, track.rate)
    seen, camera = place_arms(seen, camera)
    ground = None if upper_body else Ground(contacts, forward_in_camera(pitch))
    camera = fit_positions(seen, camera, ground, accelerations, lambda share: progress(0.5 + 0.4 * share))
    positions = world_from_camera(camera, pitch)
    scale = _root_scale(positions)
    poses = rotations_from_positions(skeleton, positions, track.rate, scale, upper_body)
    if not upper_body:
        poses = lock_feet(skeleton, poses, contacts, track.rate)
    path = poses.pelvis.copy()
    if not upper_body:
        path[:, :2] -= path[0, :2]
    if track.hands is not None:
        facing = heading_between(skeleton, poses, camera, pitch, upper_body)
        poses = place_hands(skeleton, poses, track.hands, facing.T @ world_from_camera(np.eye(3), pitch).T)
    end = min(request.end_sec, track.start + len(path) / track.rate)
    count = max(1, round((end - request.start_sec) * request.export_fps))
    times = request.start_sec + np.arange(count) / request.export_fps
    at = np.clip((times - track.start) * track.rate, 0.0, len(path) - 1.0)
    pelvis = skeleton.index("pelvis")
    locations = np.zeros((count, len(skeleton.names), 3))
    locations[:, pelvis] = (_sample(path, at) - skeleton.joints[pelvis]) @ skeleton.rest[pelvis]
    motion = SolvedMotion(
        fps=request.export_fps,
        names=skeleton.names,
        parents=skeleton.parents,
        rest_matrices=skeleton.rest_matrices(),
        lengths=skeleton.lengths,
        rotations=_sample_rotations(poses.rotations, at),
        locations=locations,
        frames_without_person=track.frames_without_person,
        camera=seen_by(skeleton, replace(poses, pelvis=path), camera, pitch, at, upper_body, focal),
        standing={} if upper_body else standing_bones(contacts, at),
        warnings=track.warnings,
    )
    height = request.options.actor_height_cm
    return motion if height is None else resized(motion, height / STATURE)


def resized(motion: SolvedMotion, factor: float) -> SolvedMotion:
    """Return `motion` on a skeleton that is larger by `factor`, travelling as much further."""
    rest = motion.rest_matrices.copy()
    rest[:, :3, 3] *= factor
    camera = motion.camera
    if camera is not None:
        matrices = camera.matrices.copy()
        matrices[..., :3] /= factor
        camera = replace(camera, matrices=matrices)
    return replace(
        motion,
        rest_matrices=rest,
        lengths=motion.lengths * factor,
        locations=motion.locations * factor,
        camera=camera,
    )


def _root_scale(positions: Array) -> float:
    """Return centimetres of the skeleton per metre of the person, by leg length."""
    skeleton = body_skeleton()
    ours = theirs = 0.0
    for side in ("l", "r"):
        hip, knee, ankle = (positions[:, POINT_NAMES.index(f"{name}_{side}")] for name in ("hip", "knee", "ankle"))
        theirs += float(np.median(np.linalg.norm(hip - knee, axis=-1) + np.linalg.norm(knee - ankle, axis=-1)))
        ours += float(
            skeleton.lengths[skeleton.index(f"thigh_{side}")] + skeleton.lengths[skeleton.index(f"calf_{side}")]
        )
    return ours / theirs


def _sample(values: Array, at: Array) -> Array:
    """Return `values` (F, ...) at fractional frames `at` (N,)."""
    low = np.minimum(at.astype(np.intp), max(len(values) - 2, 0))
    high = np.minimum(low + 1, len(values) - 1)
    share = (at - low)[(...,) + (None,) * (values.ndim - 1)]
    return values[low] * (1.0 - share) + values[high] * share


def _sample_rotations(rotations: Array, at: Array) -> Array:
    low = np.minimum(at.astype(np.intp), max(len(rotations) - 2, 0))
    high = np.minimum(low + 1, len(rotations) - 1)
    share = np.broadcast_to((at - low)[:, None], rotations[low].shape[:2])
    return quaternion_slerp(rotations[low], rotations[high], share)
