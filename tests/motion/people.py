# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons made of joint positions, for tests without Blender."""

from __future__ import annotations

import numpy as np

from aimocap_addon.motion.retarget import Target
from aimocap_addon.motion.rotations import Array, matrix_from_quaternion, normalize
from aimocap_addon.motion.skeleton import Motion, Skeleton, forward_kinematics

# name, parent, head in metres; left side only, "{s}" stands for the side. Faces -Y, left is +X.
TRUNK_5 = [("spine_01", 1.0), ("spine_02", 1.08), ("spine_03", 1.16), ("spine_04", 1.24), ("spine_05", 1.34)]
TRUNK_3 = [("spine_01", 1.0), ("spine_02", 1.16), ("spine_03", 1.3)]
LIMBS = [
    ("clavicle_{s}", None, (0.03, 0.0, 1.42)),
    ("upperarm_{s}", "clavicle_{s}", (0.17, 0.02, 1.41)),
    ("lowerarm_{s}", "upperarm_{s}", (0.45, 0.02, 1.41)),
    ("hand_{s}", "lowerarm_{s}", (0.70, 0.02, 1.41)),
    ("index_01_{s}", "hand_{s}", (0.79, -0.02, 1.41)),
    ("middle_01_{s}", "hand_{s}", (0.79, 0.0, 1.412)),
    ("pinky_01_{s}", "hand_{s}", (0.78, 0.05, 1.40)),
    ("thigh_{s}", "pelvis", (0.09, 0.01, 0.90)),
    ("calf_{s}", "thigh_{s}", (0.10, -0.01, 0.49)),
    ("foot_{s}", "calf_{s}", (0.10, 0.03, 0.08)),
    ("ball_{s}", "foot_{s}", (0.11, -0.09, 0.02)),
]


def person(
    *,
    height: float = 1.0,
    arm_drop: float = 0.0,
    trunk: list[tuple[str, float]] = TRUNK_5,
    seed: int | None = None,
    twists: bool = False,
) -> Skeleton:
    """A skeleton named as Unreal's; `arm_drop` in degrees; a `seed` gives every bone axes of its own."""
    rows: list[tuple[str, str | None, Array]] = [
        ("root", None, np.zeros(3)),
        ("pelvis", "root", np.array((0, 0, 0.93))),
    ]
    above = "pelvis"
    for name, z in trunk:
        rows.append((name, above, np.array((0.0, 0.01, z))))
        above = name
    rows += [("neck_01", above, np.array((0, 0.01, 1.46))), ("head", "neck_01", np.array((0, 0, 1.55)))]
    drop = np.radians(arm_drop)
    for side, sign in (("l", 1.0), ("r", -1.0)):
        for name, parent, head in LIMBS:
            x, y, z = head
            if parent and "clavicle" not in name and z > 1.3 and x > 0.17:
                reach = x - 0.17
                x, z = 0.17 + reach * np.cos(drop), z - reach * np.sin(drop)
            rows.append((name.format(s=side), (parent or above).format(s=side), np.array((x * sign, y, z))))
        if twists:
            at = {name: head for name, _, head in rows}
            for bone, end, share in (("lowerarm", "hand", 0.5), ("upperarm", "lowerarm", 0.0)):
                near, far = at[f"{bone}_{side}"], at[f"{end}_{side}"]
                rows.append((f"{bone}_twist_01_{side}", f"{bone}_{side}", near + share * (far - near)))
    names = tuple(name for name, _, _ in rows)
    rest = np.tile(np.eye(4), (len(rows), 1, 1))
    rest[:, :3, 3] = [head * height for _, _, head in rows]
    if seed is not None:
        random = np.random.default_rng(seed)
        rest[:, :3, :3] = matrix_from_quaternion(normalize(random.normal(size=(len(rows), 4))))
    parents = np.array([names.index(parent) if parent else -1 for _, parent, _ in rows], dtype=np.intp)
    return Skeleton(names, parents, rest)


def target(skeleton: Skeleton) -> Target:
    count = len(skeleton.names)
    return Target(
        skeleton=skeleton,
        rotations=np.tile((1.0, 0.0, 0.0, 0.0), (count, 1)),
        angles=np.zeros((count, 3)),
        orders=["XYZ"] * count,
        locations=np.zeros((count, 3)),
        locked=np.zeros((count, 3), dtype=bool),
        inherits_rotation=np.ones(count, dtype=bool),
        local_location=np.ones(count, dtype=bool),
    )


def perform(skeleton: Skeleton, rotations: dict[str, Array], locations: dict[str, Array], frames: int) -> Motion:
    """The motion of every bone under channels relative to rest, in each bone's own axes."""
    bones = tuple(range(len(skeleton.names)))
    turned, placed = forward_kinematics(
        skeleton,
        bones,
        {skeleton.index[name]: value for name, value in rotations.items()},
        {skeleton.index[name]: value for name, value in locations.items()},
    )
    return Motion(
        bones,
        np.stack([np.broadcast_to(turned[bone], (frames, 4)) for bone in bones]),
        np.stack([np.broadcast_to(placed[bone], (frames, 3)) for bone in bones]),
        30.0,
    )
