# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that a person edits says of every part of the body how it stands."""

from __future__ import annotations

import dataclasses

import pytest
from rig_families import FAMILIES, skeleton

from aimocap_addon.motion.mapping import mapping_for
from aimocap_addon.motion.mapping_table import GROUPS, RowState, is_shown, rows, states
from aimocap_addon.motion.user_mappings import by_hand

BODY, ROLES = skeleton(FAMILIES["mixamo"])
FOUND = mapping_for(BODY)


@pytest.mark.parametrize("key", FAMILIES)
def test_every_bone_of_a_rig_has_one_row(key: str) -> None:
    _, roles = skeleton(FAMILIES[key])
    table = rows(roles)
    named = [row.role for row in table]
    assert len(set(named)) == len(named)
    assert set(roles) <= set(named)
    assert [group for i, group in enumerate(row.group for row in table) if i == 0 or table[i - 1].group != group] == [
        *GROUPS
    ]


def test_a_chain_has_room_for_one_more_bone() -> None:
    long = {f"spine_{n}": f"s{n}" for n in range(1, 8)}
    assert "spine_8" in {row.role for row in rows(long)}
    assert is_shown("spine_8", long)
    assert not is_shown("spine_9", long)
    assert is_shown("spine_1", ())
    assert not is_shown("left_calf_twist_4", ("left_calf_twist_1", "spine_4"))
    endless = {f"spine_{n}": f"s{n}" for n in range(1, 14)}
    assert set(endless) <= {row.role for row in rows(endless)}


def state(role: str, bone: str) -> RowState:
    edited = {row.role: ROLES.get(row.role, "") for row in rows(ROLES)} | {role: bone}
    return states(edited, BODY, FOUND)[role]


def test_a_row_says_how_it_stands() -> None:
    assert state("left_hand", ROLES["left_hand"]) is RowState.FOUND
    assert state("left_toe", "mixamorig:LeftToe_End") is RowState.EDITED
    assert state("left_hand", ROLES["right_hand"]) is RowState.WRONG
    assert state("left_hand", "Gone") is RowState.WRONG
    assert state("left_hand", "mixamorig:HeadTop_End") is RowState.DOUBTFUL
    assert state("left_hand", "") is RowState.MISSING
    assert state("left_calf", "") is RowState.NEEDED
    assert state("left_index_metacarpal", "") is RowState.ABSENT


def test_what_was_told_by_shape_is_doubtful_until_a_person_says_so() -> None:
    anonymous = dataclasses.replace(BODY, names=tuple(f"Bone.{i}" for i in range(len(BODY.names))))
    found = mapping_for(anonymous)
    assert set(states(found.bones, anonymous, found).values()) == {RowState.DOUBTFUL}
    confirmed = by_hand(found.bones, anonymous, found.family)
    assert not confirmed.warnings


def test_the_score_falls_when_a_bone_hangs_from_the_wrong_part() -> None:
    crossed = ROLES | {"left_hand": ROLES["right_hand"], "right_hand": ROLES["left_hand"]}
    mapping = by_hand(crossed, BODY, "Mixamo")
    assert mapping.score < FOUND.score - 0.05
    assert mapping.missing == FOUND.missing
    assert any("“mixamorig:RightHand” plays left hand" in warning for warning in mapping.warnings)
    assert by_hand(ROLES, BODY, "Mixamo").score == FOUND.score
