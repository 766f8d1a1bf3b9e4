# SPDX-License-Identifier: GPL-3.0-or-later
"""One side of the body mapped by hand is enough."""

from __future__ import annotations

import dataclasses

import pytest
from rig_families import FAMILIES, skeleton

from aimocap_addon.motion.mapping_edits import mirrored
from aimocap_addon.motion.skeleton import Skeleton


def left_half(roles: dict[str, str]) -> dict[str, str]:
    return {role: bone for role, bone in roles.items() if not role.startswith("right_")}


@pytest.mark.parametrize("key", FAMILIES)
def test_the_right_side_follows_from_the_left_by_name(key: str) -> None:
    body, roles = skeleton(FAMILIES[key])
    heap = Skeleton(body.names, body.parents, body.rest * 0.0 + body.rest[:1])  # no place says anything
    assert mirrored(left_half(roles), heap) == roles


@pytest.mark.parametrize("key", ["mixamo", "cmu", "smplx"])
def test_the_right_side_follows_from_the_left_by_place(key: str) -> None:
    body, roles = skeleton(FAMILIES[key])
    names = {name: f"Bone.{i:03d}" for i, name in enumerate(body.names)}
    anonymous = dataclasses.replace(body, names=tuple(names.values()))
    roles = {role: names[bone] for role, bone in roles.items()}
    assert mirrored(left_half(roles), anonymous) == roles


def test_what_the_left_side_lacks_the_right_one_loses() -> None:
    body, roles = skeleton(FAMILIES["mixamo"])
    lame = {role: bone for role, bone in roles.items() if role != "left_toe"}
    assert "right_toe" not in mirrored(lame, body)


def test_a_bone_in_the_middle_has_no_twin_and_no_bone_plays_two_parts() -> None:
    body, roles = skeleton(FAMILIES["mixamo"])
    crossed = roles | {"left_toe": roles["right_toe"], "right_toe": roles["left_toe"], "left_hand": roles["head"]}
    crossed.pop("head")
    found = mirrored(crossed, body)
    assert len(set(found.values())) == len(found)
    assert found["right_hand"] == roles["right_hand"]
    assert found["left_hand"] == roles["head"]
