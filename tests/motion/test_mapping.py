# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from people import TRUNK_3, person

from aimocap_addon.motion.mapping import detect
from aimocap_addon.motion.skeleton import Skeleton

MIXAMO = """Hips Spine:Hips Spine1:Spine Spine2:Spine1 Neck:Spine2 Head:Neck HeadTop_End:Head
LeftShoulder:Spine2 LeftArm:LeftShoulder LeftForeArm:LeftArm LeftHand:LeftForeArm LeftHandThumb1:LeftHand
LeftHandIndex1:LeftHand LeftHandIndex2:LeftHandIndex1 LeftUpLeg:Hips LeftLeg:LeftUpLeg LeftFoot:LeftLeg
LeftToeBase:LeftFoot RightShoulder:Spine2 RightArm:RightShoulder RightForeArm:RightArm RightHand:RightForeArm
RightHandThumb1:RightHand RightHandIndex1:RightHand RightUpLeg:Hips RightLeg:RightUpLeg RightFoot:RightLeg
RightToeBase:RightFoot"""


def tree(text: str, prefix: str = "") -> tuple[list[str], list[int]]:
    pairs = [part.partition(":")[::2] for part in text.split()]
    names = [name for name, _ in pairs]
    return [prefix + name for name in names], [names.index(parent) if parent else -1 for _, parent in pairs]


def bones(skeleton: Skeleton) -> tuple[list[str], list[int]]:
    return list(skeleton.names), skeleton.parents.tolist()


@pytest.mark.parametrize("prefix", ["mixamorig:", "mixamorig4:", "Hero|mixamorig:", "mixamorig_", "mixamorig", ""])
def test_mixamo_is_found_under_any_prefix(prefix: str) -> None:
    found = detect(*tree(MIXAMO, prefix))
    assert found is not None
    assert found.family == "Mixamo"
    assert found.bones["hips"] == f"{prefix}Hips"
    assert found.bones["left_lower_arm"] == f"{prefix}LeftForeArm"
    assert found.bones["right_toe"] == f"{prefix}RightToeBase"
    assert found.chain("spine") == ("spine_1", "spine_2", "spine_3")


def test_case_does_not_matter() -> None:
    names, parents = tree(MIXAMO, "MIXAMORIG:")
    found = detect([name.upper() for name in names], parents)
    assert found is not None
    assert found.bones["head"] == "MIXAMORIG:HEAD"


@pytest.mark.parametrize(("trunk", "count"), [(TRUNK_3, 3), (None, 5)])
def test_unreal_may_have_three_or_five_spine_bones(trunk: list | None, count: int) -> None:
    found = detect(*bones(person(trunk=trunk) if trunk else person()))
    assert found is not None
    assert found.family == "MetaHuman / Unreal"
    assert len(found.chain("spine")) == count
    assert found.bones["left_middle_1"] == "middle_01_l"


def test_the_score_falls_with_what_is_missing() -> None:
    names, parents = tree(MIXAMO)
    whole = detect(names, parents)
    gone = names.index("LeftToeBase")
    part = detect(
        [n for n in names if n != "LeftToeBase"], [p - (p > gone) for i, p in enumerate(parents) if i != gone]
    )
    assert whole is not None
    assert part is not None
    assert part.score < whole.score
    assert "left_toe" in part.missing
    assert "left_toe" not in whole.missing


def test_a_bone_that_hangs_elsewhere_is_not_taken() -> None:
    names, parents = tree(MIXAMO)
    parents[names.index("LeftToeBase")] = names.index("Head")
    found = detect(names, parents)
    assert found is not None
    assert "left_toe" not in found.bones
    parents[names.index("LeftForeArm")] = names.index("RightArm")
    assert detect(names, parents) is None


def test_other_skeletons_fit_nothing() -> None:
    assert detect(["Bone", "Bone.001"], [-1, 0]) is None
    assert detect([], []) is None
    # hands alone make no body
    assert detect(["LeftHand", "LeftHandIndex1"], [-1, 0]) is None
