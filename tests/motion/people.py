# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons made of joint positions, for tests without Blender."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aimocap_addon.motion.retarget import Target
from aimocap_addon.motion.rotations import (
    Array,
    matrix_from_quaternion,
    normalize,
    quaternion_between,
    quaternion_conjugate,
    quaternion_multiply,
)
from aimocap_addon.motion.skeleton import Motion, Skeleton, forward_kinematics

# name, parent, head in metres; left side only, "{s}" stands for the side. Faces -Y, left is +X.
TRUNK_5 = [("spine_01", 1.0), ("spine_02", 1.08), ("spine_03", 1.16), ("spine_04", 1.24), ("spine_05", 1.34)]
TRUNK_3 = [("spine_01", 1.0), ("spine_02", 1.16), ("spine_03", 1.3)]
LIMBS: list[tuple[str, str | None, tuple[float, float, float]]] = [
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
    twists_in_row: int = 0,
    knee: float = 0.49,
    hips: float = 0.09,
    feet: float = 1.0,
    toes_out: float = 0.0,
    metacarpals: bool = False,
) -> Skeleton:
    """A skeleton named as Unreal's; `arm_drop` in degrees; a `seed` gives every bone axes of its own.

    With `twists`, twist bones hang from upper arm and forearm; upper arm, forearm and thigh have `twists_in_row` more
    bones each, not quite on the line between the joints, from which the next limb hangs.

    `knee` is how high the knees are and `hips` how far to the side the thighs start, in metres before `height` scales;
    `feet` multiplies the length of the feet, which are turned out by `toes_out` degrees.
    """
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
    out = np.radians(toes_out) + np.arctan2(0.01, 0.12)
    length = feet * np.hypot(0.01, 0.12)
    ball = (0.10 + length * np.sin(out), 0.03 - length * np.cos(out), 0.02)
    moved = {"thigh_{s}": (hips, 0.01, 0.90), "calf_{s}": (0.10, -0.01, knee), "ball_{s}": ball}
    for side, sign in (("l", 1.0), ("r", -1.0)):
        for name, parent, head in LIMBS:
            x, y, z = moved.get(name, head)
            if parent and "clavicle" not in name and z > 1.3 and x > 0.17:
                reach = x - 0.17
                x, z = 0.17 + reach * np.cos(drop), z - reach * np.sin(drop)
            holder = (parent or above).format(s=side)
            if metacarpals and "_01_" in name:
                wrist = np.array(next(row[2] for row in rows if row[0] == holder))
                palm_bone = f"{name.partition('_')[0]}_metacarpal_{side}"
                rows.append((palm_bone, holder, wrist + 0.2 * (np.array((x * sign, y, z)) - wrist)))
                holder = palm_bone
            rows.append((name.format(s=side), holder, np.array((x * sign, y, z))))
        if twists:
            at = {name: head for name, _, head in rows}
            for bone, end, share in (("lowerarm", "hand", 0.5), ("upperarm", "lowerarm", 0.0)):
                near, far = at[f"{bone}_{side}"], at[f"{end}_{side}"]
                rows.append((f"{bone}_twist_01_{side}", f"{bone}_{side}", near + share * (far - near)))
        for bone, end in (("upperarm", "lowerarm"), ("lowerarm", "hand"), ("thigh", "calf")):
            at = {name: head for name, _, head in rows}
            holder = f"{bone}_{side}"
            near, far = at[holder], at[f"{end}_{side}"]
            for number in range(1, twists_in_row + 1):
                off = np.array((0.004, 0.01, -0.007)) * number
                name, share = f"{bone}_twist_0{number}_{side}", number / (twists_in_row + 1)
                index = next(i for i, row in enumerate(rows) if row[0] == f"{end}_{side}")
                rows.insert(index, (name, holder, near + share * (far - near) + off))
                holder = name
            rows = [(n, holder if n == f"{end}_{side}" else above_it, head) for n, above_it, head in rows]
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


def perform(
    skeleton: Skeleton, rotations: dict[str, Array], locations: dict[str, Array], frames: int, rate: float = 30.0
) -> Motion:
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
        rate,
    )


def walk(
    skeleton: Skeleton, seconds: float, rate: float, *, stride: float = 0.9
) -> tuple[Motion, dict[str, NDArray[np.bool_]]]:
    """A walk along -Y at one stride (m) a second on flat feet, and when each foot stands (F).

    A step takes 0.4 s; knees bend forwards as far as the pelvis, low enough for the reach of the legs, wants it.
    """
    times = np.arange(0.0, seconds, 1.0 / rate)
    still = skeleton.rest_positions[skeleton.index["pelvis"]]
    forward = np.array((0.0, -1.0, 0.0))
    bob = 0.08 + 0.012 * np.cos(4.0 * np.pi * times)
    pelvis = still + forward * (stride * times)[:, None] - np.array((0.0, 0.0, 1.0)) * bob[:, None]
    rotations: dict[str, Array] = {}
    stands: dict[str, NDArray[np.bool_]] = {}
    for side, start in (("l", 0.0), ("r", 0.5)):
        at = {part: skeleton.rest_positions[skeleton.index[f"{part}_{side}"]] for part in ("thigh", "calf", "foot")}
        steps, phase = np.floor(times + start), (times + start) % 1.0
        swing = np.clip((phase - 0.6) / 0.4, 0.0, 1.0)
        stands[side] = swing == 0.0
        # half a stride ahead of the hips when it lands, so that it stands under them in the middle
        progress = swing**3 * (10.0 - 15.0 * swing + 6.0 * swing**2)
        place = stride * (steps + progress - start + 0.3)
        ankle = (
            at["foot"] + forward * place[:, None] + np.array((0.0, 0.0, 0.1)) * (np.sin(np.pi * swing) ** 2)[:, None]
        )
        hip = pelvis - still + at["thigh"]
        a, b = (float(np.linalg.norm(at[i] - at[j])) for i, j in (("calf", "thigh"), ("foot", "calf")))
        reach = np.linalg.norm(ankle - hip, axis=-1)
        along = (a**2 - b**2 + reach**2) / (2.0 * reach)
        down = normalize(ankle - hip)
        ahead = normalize(forward - down * (down @ forward)[:, None])
        knee = hip + down * along[:, None] + ahead * np.sqrt(a**2 - along**2)[:, None]
        thigh = quaternion_between(at["calf"] - at["thigh"], knee - hip)
        calf = quaternion_between(at["foot"] - at["calf"], ankle - knee)
        channels = {"thigh": thigh, "calf": quaternion_multiply(quaternion_conjugate(thigh), calf)}
        rotations |= {f"{part}_{side}": q for part, q in channels.items()}
        rotations[f"foot_{side}"] = quaternion_conjugate(calf)
    return perform(skeleton, rotations, {"pelvis": pelvis - still}, len(times), rate), stands
