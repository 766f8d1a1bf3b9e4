# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands of a known pose, seen by a camera, come back: palms, fingers, and neutral where nothing is seen."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from aimocap_addon.local_service.solver.hand_track import HandObservations, HandTrack
from aimocap_addon.local_service.solver.hands import place_hands
from aimocap_addon.local_service.solver.pose import BonePoses, forward_kinematics
from aimocap_addon.local_service.solver.skeleton import body_skeleton
from aimocap_addon.local_service.solver.world import world_from_camera
from aimocap_addon.motion.rotations import (
    Array,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_multiply,
)

FRAMES, RATE = 40, 30.0
FINGERS = ("index", "middle", "ring", "pinky")
TO_WORLD = world_from_camera(np.eye(3), 0.1).T


def bent_hand(curl: float) -> BonePoses:
    """Return a body at rest but for its left hand: fingers curled by `curl` at each joint, the wrist turned."""
    skeleton = body_skeleton()
    rotations = np.tile((1.0, 0.0, 0.0, 0.0), (FRAMES, len(skeleton.names), 1))
    rotations[:, skeleton.index("hand_l")] = quaternion_from_axis_angle(np.array((0.6, 0.0, 0.8)), np.full(FRAMES, 0.7))
    for finger in FINGERS:
        metacarpal, first = (skeleton.rest[skeleton.index(f"{finger}_{part}_l")] for part in ("metacarpal", "01"))
        hinge = normalize(np.cross(metacarpal[:, 1], first[:, 1]))
        for number in (1, 2, 3):
            bone = skeleton.index(f"{finger}_0{number}_l")
            rotations[:, bone] = quaternion_from_axis_angle(hinge @ skeleton.rest[bone], np.full(FRAMES, curl))
    return BonePoses(rotations, np.tile(skeleton.joint("pelvis"), (FRAMES, 1)))


def landmarks(poses: BonePoses) -> Array:
    """Return the left hand's 21 landmarks (F, 21, 3) as a camera has them."""
    skeleton = body_skeleton()
    joints, deltas = forward_kinematics(skeleton, poses.rotations, poses.pelvis)
    points = [joints[:, skeleton.index("hand_l")]]
    for finger in ("thumb", *FINGERS):
        bones = [skeleton.index(f"{finger}_0{number}_l") for number in (1, 2, 3)]
        points += [joints[:, bone] for bone in bones]
        tip = skeleton.rest[bones[-1]][:, 1] * skeleton.lengths[bones[-1]]
        points.append(joints[:, bones[-1]] + deltas[:, bones[-1]] @ tip)
    camera = np.stack(points, axis=1) @ TO_WORLD
    return 7.0 * (camera - camera[:, :1])


def seen(trust: float) -> tuple[BonePoses, HandTrack]:
    poses = bent_hand(0.6)
    points = np.zeros((FRAMES, 2, 21, 3))
    points[:, 0] = landmarks(poses)
    return poses, HandTrack(points, np.tile((trust, 0.0), (FRAMES, 1)), RATE)


def angle_deg(a: Array, b: Array) -> float:
    between = quaternion_multiply(quaternion_conjugate(a), b)
    return float(np.degrees(2.0 * np.arccos(np.clip(np.abs(between[..., 0]), 0.0, 1.0))).max())


def resting() -> BonePoses:
    poses = bent_hand(0.0)
    return BonePoses(np.tile((1.0, 0.0, 0.0, 0.0), (*poses.rotations.shape[:2], 1)), poses.pelvis)


def test_palm_and_fingers_are_those_of_the_landmarks() -> None:
    truth, hands = seen(1.0)
    skeleton = body_skeleton()
    found = place_hands(skeleton, resting(), hands, TO_WORLD)
    assert angle_deg(found.rotations[:, skeleton.index("hand_l")], truth.rotations[:, skeleton.index("hand_l")]) < 1.0
    for finger in FINGERS:
        for number in (1, 2, 3):
            bone = skeleton.index(f"{finger}_0{number}_l")
            assert angle_deg(found.rotations[:, bone], truth.rotations[:, bone]) < 6.0, (finger, number)
    others = [bone for bone, name in enumerate(skeleton.names) if not name.endswith("_l")]
    assert np.array_equal(found.rotations[:, others], resting().rotations[:, others])


def test_an_unseen_hand_stays_neutral() -> None:
    _, hands = seen(0.0)
    found = place_hands(body_skeleton(), resting(), hands, TO_WORLD)
    assert np.array_equal(found.rotations, resting().rotations)


def test_a_hand_that_no_wrist_can_have_counts_as_unseen() -> None:
    skeleton = body_skeleton()
    _, hands = seen(1.0)
    turned = HandTrack(hands.points * (-1.0, -1.0, 1.0), hands.trust, RATE)
    found = place_hands(skeleton, resting(), turned, TO_WORLD)
    hand = skeleton.index("hand_l")
    assert angle_deg(found.rotations[:, hand], resting().rotations[:, hand]) < 1.0


def test_trust_fades_away_from_where_a_hand_was_seen() -> None:
    hands = HandObservations()
    points = [SimpleNamespace(x=0.01 * n, y=0.0, z=0.0) for n in range(21)]
    for frame in range(5, 11):
        result = SimpleNamespace(left_hand_landmarks=SimpleNamespace(landmark=points), right_hand_landmarks=None)
        hands.add(frame / RATE, result, (100, 100))
    track = hands.on_grid(0.0, RATE, FRAMES)
    trust = track.trust[:, 0]
    assert trust[5:11] == pytest.approx(1.0)
    assert (np.diff(trust[10:]) <= 0).all()
    assert trust[-1] == 0.0
    assert 0.0 < trust[15] < 1.0
    assert not track.trust[:, 1].any()
