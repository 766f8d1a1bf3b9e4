# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion files of the G1: what is read, refused with which sentence, warned of, and written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from g1_data import FOUND, needs_real_motion, real_motion
from hypothesis import given
from hypothesis import strategies as st

from aimocap_addon.motion.g1.joint_orders import breadth_first, joints_23, joints_43
from aimocap_addon.motion.g1.model import g1_model
from aimocap_addon.motion.g1.robot_motion import (
    FIXED_WRISTS_23,
    HARDWARE_23,
    JointLayoutError,
    RobotMotion,
    RobotMotionError,
    clamped,
    read_robot_motion,
    robot_motion_csv,
    robot_motion_json,
    violations,
)
from aimocap_addon.motion.rotations import normalize

MODEL = g1_model()


def poses(frames: int = 40, seed: int = 1) -> RobotMotion:
    """Poses in the middle half of each joint's range, as real motion has them, with the feet over the floor."""
    random = np.random.default_rng(seed)
    middle, half = (MODEL.upper + MODEL.lower) / 2.0, (MODEL.upper - MODEL.lower) / 4.0
    wave = np.sin(np.linspace(0.0, 2.0, frames)[:, None] + random.uniform(0.0, 6.0, 29))
    root_rot = normalize(np.array((1.0, 0.0, 0.0, 0.0)) + 0.1 * random.normal(size=(frames, 4)))
    return RobotMotion(30.0, random.uniform(1.0, 1.2, (frames, 3)), root_rot, middle + half * wave)


def document(motion: RobotMotion | None = None, **changes: Any) -> dict[str, Any]:
    return json.loads(robot_motion_json(motion or poses())) | changes


def read(content: dict[str, Any], **options: Any) -> tuple[RobotMotion, list[str]]:
    return read_robot_motion(json.dumps(content), **options)


def test_what_is_written_is_read_again() -> None:
    motion = poses()
    text = robot_motion_json(motion)
    again, warnings = read_robot_motion(text.encode())
    assert warnings == []
    assert again.fps == motion.fps
    assert np.abs(again.root_pos - motion.root_pos).max() < 1e-7
    assert np.abs(again.root_rot - motion.root_rot).max() < 1e-7
    assert np.abs(again.dof_pos - motion.dof_pos).max() < 1e-7
    assert json.loads(text)["frameCount"] == 40


@needs_real_motion
def test_a_real_file_comes_out_as_it_went_in() -> None:
    before = json.loads(FOUND[0].read_bytes())
    after = json.loads(robot_motion_json(real_motion()[0]))
    assert after.keys() == before.keys()
    for key, value in before.items():
        if isinstance(value, list):
            assert np.abs(np.array(after[key]) - np.array(value)).max() < 1e-6
        else:
            assert after[key] == value


def test_the_table_of_numbers_has_the_common_order() -> None:
    motion = poses(3)
    rows = np.array([[float(cell) for cell in line.split(",")] for line in robot_motion_csv(motion).splitlines()])
    assert rows.shape == (3, 36)
    assert np.abs(rows[:, :3] - motion.root_pos).max() < 1e-7
    assert np.abs(rows[:, 6] - motion.root_rot[:, 0]).max() < 1e-7
    assert np.abs(rows[:, 3:6] - motion.root_rot[:, 1:]).max() < 1e-7
    assert np.abs(rows[:, 7:] - motion.dof_pos).max() < 1e-7


def columns(motion: RobotMotion, names: list[str]) -> list[list[float]]:
    """The motion's angles in another order; joints that the model does not have stand at 0.5."""
    index = MODEL.joint_index
    return [[float(row[index[name]]) if name in index else 0.5 for name in names] for row in motion.dof_pos]


def test_isaac_lab_s_order_is_recognised_by_the_limits() -> None:
    motion = poses()
    again, warnings = read(document(motion, dof_pos=columns(motion, breadth_first(MODEL))))
    assert np.abs(again.dof_pos - motion.dof_pos).max() < 1e-7
    assert warnings == [
        "The joints were taken to be in Isaac Lab's order, as they are far beyond their limits in MuJoCo's."
    ]


def test_a_locked_waist_and_hands_are_recognised_by_their_number() -> None:
    motion = poses()
    waist = ("waist_roll_joint", "waist_pitch_joint")
    locked = [name for name in MODEL.joint_names if name not in waist]
    again, warnings = read(document(motion, dof_pos=columns(motion, locked)))
    assert (again.dof_pos[:, 13:15] == 0.0).all()
    assert np.abs(np.delete(again.dof_pos - motion.dof_pos, (13, 14), axis=1)).max() < 1e-7
    assert "locked waist" in warnings[0]
    again, warnings = read(document(motion, dof_pos=columns(motion, joints_43(MODEL))))
    assert np.abs(again.dof_pos - motion.dof_pos).max() < 1e-7
    assert "Dex3" in warnings[0]


@pytest.mark.parametrize(
    ("layout", "still"), [(HARDWARE_23, (13, 14, 20, 21, 27, 28)), (FIXED_WRISTS_23, (19, 20, 21, 26, 27, 28))]
)
def test_of_23_joints_someone_has_to_say_whose_they_are(layout: str, still: tuple[int, ...]) -> None:
    motion = poses()
    content = document(motion, dof_pos=columns(motion, joints_23(MODEL, layout)))
    with pytest.raises(JointLayoutError, match=r"23 joints.* two robots have: choose between"):
        read(content)
    again, warnings = read(content, layout_23=layout)
    assert (again.dof_pos[:, still] == 0.0).all()
    assert np.abs(np.delete(again.dof_pos - motion.dof_pos, still, axis=1)).max() < 1e-7
    assert warnings == ["The motion has 23 of the 29 joints; the others stay at zero."]


def test_names_in_the_file_are_believed() -> None:
    motion = poses()
    names = [*breadth_first(MODEL)[:-2], "left_hand_thumb_0_joint", "tail_joint"]
    content = document(motion, dof_pos=columns(motion, names))
    again, warnings = read(content | {"joint_names": [name.removesuffix("_joint") for name in names]})
    lost = [MODEL.joint_index[f"{side}_wrist_yaw_joint"] for side in ("left", "right")]
    assert np.abs(np.delete(again.dof_pos - motion.dof_pos, lost, axis=1)).max() < 1e-7
    assert warnings == [
        "Joints that a G1 does not have were left out: tail.",
        "Joints that the motion does not have stay at zero: left wrist yaw, right wrist yaw.",
    ]


def row(key: str, frame: int, value: Any) -> dict[str, Any]:
    rows = document()[key]
    rows[frame] = value
    return {key: rows}


def _differ(positions: str, count: str) -> str:
    found = f"root_pos {positions}, root_rot_xyzw 40, dof_pos 40, frameCount {count}"
    return f"The numbers of frames in the file differ ({found}): it is cut off or damaged."


REFUSED = [
    ({"robotType": "atlas"}, 'The motion is of the robot "atlas", not of a Unitree G1 ("unitree_g1").'),
    ({"robotType": ["a"]}, 'The motion is of the robot "[...]", not of a Unitree G1 ("unitree_g1").'),
    ({"version": 0}, 'The version of the file is "0", but has to be a whole number from 1.'),
    ({"version": True}, 'The version of the file is "True", but has to be a whole number from 1.'),
    ({"fps": 0}, "The motion's fps is 0, but has to be above 0 and at most 1000."),
    ({"fps": 1e9}, "The motion's fps is 1e+09, but has to be above 0 and at most 1000."),
    ({"fps": "30"}, '"fps" in the file is "30", but has to be a number.'),
    ({"fps": True}, '"fps" in the file is "True", but has to be a number.'),
    ({"fps": None}, '"fps" in the file is "None", but has to be a number.'),
    (
        {"frameCount": 41},
        _differ("40", "41"),
    ),
    (
        {"frameCount": 10**30},
        _differ("40", "1e+30"),
    ),
    (
        {"root_pos": [[0, 0, 1]] * 39},
        _differ("39", "40"),
    ),
    ({"root_pos": {}}, '"root_pos" is not a list in the file: it has to hold a list of numbers for each frame.'),
    ({"root_pos": []}, '"root_pos" in the file holds no frames.'),
    (row("root_pos", 3, [0, 0]), '"root_pos" holds 2 numbers for frame 3, but has to hold 3 for every frame.'),
    (row("root_pos", 3, 1.0), '"root_pos" holds no list for frame 3, but has to hold 3 for every frame.'),
    (row("root_pos", 5, [0, True, 1]), '"root_pos" holds something other than numbers for frame 5.'),
    (row("root_pos", 5, [0, None, 1]), '"root_pos" holds something other than numbers for frame 5.'),
    (row("root_pos", 5, [0, "1", 1]), '"root_pos" holds something other than numbers for frame 5.'),
    (row("root_pos", 5, [0, [1], 1]), '"root_pos" holds something other than numbers for frame 5.'),
    (row("root_pos", 5, [0, 10**400, 1]), '"root_pos" holds a number that is out of all bounds for frame 5.'),
    (row("root_pos", 5, [0, 1e300, 1]), '"root_pos" holds a number that is out of all bounds for frame 5.'),
    (
        row("root_rot_xyzw", 7, [0, 0, 0, 1.2]),
        '"root_rot_xyzw" is no rotation for frame 7: the length of a quaternion has to be 1, but is 1.2.',
    ),
    (
        row("root_rot_xyzw", 7, [0, 0, 0, 0]),
        '"root_rot_xyzw" is no rotation for frame 7: the length of a quaternion has to be 1, but is 0.',
    ),
    (row("dof_pos", 2, [0.0] * 28), '"dof_pos" holds 28 numbers for frame 2, but has to hold 29 for every frame.'),
    (row("dof_pos", 0, []), '"dof_pos" in the file holds no list of joint angles for frame 0.'),
    (
        {"dof_pos": [[0.0] * 12] * 40},
        "The motion has 12 joints per frame, but a G1 has 29 (or 23, 27 or 43): check that it is of this robot.",
    ),
    ({"joint_names": ["waist_yaw"]}, '"joint_names" names 1 joints, but "dof_pos" has 29 for every frame.'),
    ({"joint_names": ["waist_yaw"] * 29}, "The motion names a joint twice: write each joint once."),
    (
        {"joint_names": [f"j{i}" for i in range(29)]},
        "The motion names no joint of a G1: check that it is of this robot.",
    ),
    ({"joint_names": 3}, '"joint_names" in the file has to be a list of names.'),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED)
def test_what_is_wrong_is_said_in_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RobotMotionError) as refusal:
        read(document(**changes))
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("key", ["fps", "root_pos", "root_rot_xyzw", "dof_pos"])
def test_what_is_missing_is_named(key: str) -> None:
    content = document()
    del content[key]
    with pytest.raises(RobotMotionError, match=key):
        read(content)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("", "The file is not complete JSON (at line 1, column 1): download or export it again."),
        (b"\xff\xfe\x00", "The file is not text in UTF-8: choose a robot motion JSON file."),
        ("[1, 2]", "The file holds no robot motion: it has to be a JSON object with root_pos and dof_pos."),
        ("[" * 200_000, "The file is nested too deeply to be a robot motion JSON file."),
        ('{"fps": NaN}', "The file has a number that is none (NaN): export the motion again."),
        ('{"fps": -Infinity}', "The file has a number that is none (-Infinity): export the motion again."),
    ],
)
def test_what_is_no_motion_file_is_refused(data: str | bytes, sentence: str) -> None:
    with pytest.raises(RobotMotionError) as refusal:
        read_robot_motion(data)
    assert str(refusal.value) == sentence


def test_a_byte_order_mark_is_no_obstacle() -> None:
    text = robot_motion_json(poses())
    assert read_robot_motion(b"\xef\xbb\xbf" + text.encode())[0].frames == 40
    assert read_robot_motion("\ufeff" + text)[0].frames == 40


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
KEYS = ("version", "robotType", "fps", "frameCount", "root_pos", "root_rot_xyzw", "dof_pos", "joint_names")


@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON_VALUES, min_size=1))
def test_no_json_gets_through_without_being_a_motion(changes: dict[str, Any]) -> None:
    try:
        motion, warnings = read(document(poses(2), **changes))
    except RobotMotionError as error:
        assert str(error).endswith((".", "!"))
        assert str(error).isprintable()
        return
    assert motion.dof_pos.shape == (2, 29)
    assert all(np.isfinite(part).all() for part in (motion.root_pos, motion.root_rot, motion.dof_pos))
    assert all(text.endswith(".") for text in warnings)


def test_what_is_left_out_of_the_header_is_assumed_and_said() -> None:
    content = document()
    del content["robotType"], content["version"], content["frameCount"]
    assert read(content)[1] == [
        "The file does not say which robot it is of; it was taken to be a Unitree G1.",
        "The file does not say its version; it was taken to be 1.",
    ]
    assert read(document(version=7))[1] == ["The file has version 7, but only 1 is known: check the motion well."]


def test_a_quaternion_order_in_doubt_is_said_but_not_changed() -> None:
    lying = [[1.0, 0.02, 0.0, 0.0]] * 40
    motion, warnings = read(document(root_rot_xyzw=lying))
    assert motion.root_rot[0, 1] > 0.9
    assert "were read as x, y, z, w" in warnings[-1]


def still(frames: int = 10) -> RobotMotion:
    return RobotMotion(
        50.0,
        np.tile((0.0, 0.0, 0.7925), (frames, 1)),
        np.tile((1.0, 0.0, 0.0, 0.0), (frames, 1)),
        np.zeros((frames, 29)),
    )


def test_nothing_is_found_wrong_with_a_robot_that_stands() -> None:
    assert not violations(still(), MODEL)
    assert not violations(still(1), MODEL).sentences()


def test_limits_speed_and_floor_are_reported_with_their_worst_frame() -> None:
    motion = still()
    motion.dof_pos[6, 3] = MODEL.upper[3] + np.radians(10.0)
    motion.dof_pos[7, 18] = MODEL.upper[18] + np.radians(2.0)
    motion.root_pos[4:6, 2] -= (0.02, 0.05)
    found = violations(motion, MODEL)
    assert [(each.name, each.frame, each.frames) for each in found.limits] == [
        ("left_knee_joint", 6, 1),
        ("left_elbow_joint", 7, 1),
    ]
    assert np.isclose(found.limits[0].amount, np.radians(10.0))
    step = motion.dof_pos[6, 3] * 50.0
    assert np.isclose(found.velocities[0].amount, step - MODEL.velocity[3])
    assert found.floor is not None
    assert (found.floor.frame, found.floor.frames) == (5, 2)
    assert np.isclose(found.floor.amount, 0.05, atol=1e-3)
    texts = found.sentences()
    assert texts[0] == "2 joints go beyond the limits, most of all the left knee by 10.0° at frame 6."
    assert "faster than the motors allow, most of all the left knee" in texts[1]
    assert texts[2] == "The feet are under the floor in 2 frames, deepest by 49 mm at frame 5."
    assert not violations(clamped(motion, MODEL), MODEL).limits
    assert set(read_robot_motion(robot_motion_json(motion))[1]) == set(texts)
