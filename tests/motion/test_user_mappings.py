# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's own mapping comes back for the same skeleton, and never breaks one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from rig_families import FAMILIES, skeleton

from aimocap_addon.motion.mapping import Mapping, MappingStore, detect, mapping_for, missing_words
from aimocap_addon.motion.skeleton import Skeleton
from aimocap_addon.motion.user_mappings import from_text, signature, to_text, with_role

BODY, ROLES = skeleton(FAMILIES["mixamo"])


def edited() -> Mapping:
    """The toe's end plays the toe, the right one nobody."""
    found = mapping_for(BODY)
    return with_role(with_role(found, "left_toe", "mixamorig:LeftToe_End"), "right_toe", None)


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_an_edit_comes_back_and_goes_when_forgotten(tmp_path: Path) -> None:
    store = MappingStore(tmp_path / "mappings")
    by_name = mapping_for(BODY, store)
    store.save(BODY, edited())
    found = mapping_for(BODY, MappingStore(tmp_path / "mappings"))
    assert found.bones == edited().bones
    assert found.bones["left_toe"] == "mixamorig:LeftToe_End"
    assert found.missing == ("right_toe",)
    assert found.score < by_name.score
    assert not found.warnings
    assert store.forget(BODY)
    assert mapping_for(BODY, store) == by_name
    assert not store.forget(BODY)


def test_the_controls_of_a_rig_come_back_as_such(tmp_path: Path) -> None:
    store = MappingStore(tmp_path)
    controls = dataclasses.replace(edited(), controls=True, travel="mixamorig:Hips")
    store.save(BODY, controls)
    found = mapping_for(BODY, store)
    assert (found.controls, found.travel) == (True, "mixamorig:Hips")


def test_a_skeleton_is_known_by_names_and_parents_alone() -> None:
    order = list(reversed(range(len(BODY.names))))
    place = {old: new for new, old in enumerate(order)}
    parents = BODY.parents[order].copy()
    parents[parents >= 0] = [place[p] for p in parents[parents >= 0]]
    same = Skeleton(tuple(BODY.names[i] for i in order), parents, BODY.rest[order] * 2.0)
    assert signature(same) == signature(BODY)
    hung = BODY.parents.copy()
    hung[BODY.index["mixamorig:LeftToe_End"]] = BODY.index["mixamorig:LeftFoot"]
    assert signature(Skeleton(BODY.names, hung, BODY.rest)) != signature(BODY)
    renamed = (*BODY.names[:-1], "other")
    assert signature(Skeleton(renamed, BODY.parents, BODY.rest)) != signature(BODY)
    # a file written today must be found by a later version
    assert signature(Skeleton(("a", "b"), BODY.parents[:2] * 0 + (-1, 0), BODY.rest[:2])) == (
        "060ab2d362eeb9bf84db27cf6d0d2451"
    )


def test_another_skeleton_does_not_get_it(tmp_path: Path) -> None:
    store = MappingStore(tmp_path)
    store.save(BODY, edited())
    other, roles = skeleton(FAMILIES["humanik"])
    assert mapping_for(other, store).bones == roles


def test_roles_and_bones_that_do_not_exist_are_left_out_with_a_warning(tmp_path: Path) -> None:
    store = MappingStore(tmp_path)
    store.save(BODY, edited())
    path = only_file(tmp_path)
    head = edited().bones["head"]
    change(path, bones=edited().bones | {"tail": head, "left_toe": "Gone", "neck_1": head, "left_hand": 7})
    found = mapping_for(BODY, store)
    assert {"tail", "left_toe", "left_hand"}.isdisjoint(found.bones)
    assert list(found.bones.values()).count(head) == 1
    assert len(found.warnings) == 4
    assert all(warning.endswith(".") for warning in found.warnings)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 1}', '{"version": 9, "bones": {}}', "\\x00"])
def test_a_damaged_file_is_told_and_the_names_count(tmp_path: Path, text: str) -> None:
    store = MappingStore(tmp_path)
    store.save(BODY, edited())
    only_file(tmp_path).write_text(text, encoding="utf-8")
    found = mapping_for(BODY, store)
    assert found.bones == ROLES
    assert "save it again" in found.warnings[0]


def test_a_mapping_that_lost_its_body_is_not_used(tmp_path: Path) -> None:
    store = MappingStore(tmp_path)
    store.save(BODY, edited())
    change(only_file(tmp_path), bones={"hips": "mixamorig:Hips"})
    found = mapping_for(BODY, store)
    assert found.bones == ROLES
    assert "too little" in found.warnings[0]


@pytest.mark.parametrize(
    ("bones", "said"),
    [
        (ROLES | {"tail": "mixamorig:Head"}, "no parts of the body: tail"),
        (ROLES | {"head": "Gone"}, "no bones of these names: Gone"),
        (ROLES | {"neck_1": "mixamorig:Head"}, "one part of the body only"),
        ({r: b for r, b in ROLES.items() if r != "left_calf"}, "left calf"),
    ],
)
def test_what_cannot_be_right_is_not_saved(tmp_path: Path, bones: dict[str, str], said: str) -> None:
    store = MappingStore(tmp_path / "mappings")
    store.save(BODY, edited())
    with pytest.raises(ValueError, match=said):
        store.save(BODY, dataclasses.replace(edited(), bones=bones))
    assert mapping_for(BODY, store).bones == edited().bones


@pytest.mark.parametrize("key", FAMILIES)
def test_a_shared_preset_says_the_same_for_another_skeleton_with_these_bones(key: str) -> None:
    body, _ = skeleton(FAMILIES[key])
    found = mapping_for(body)
    larger = Skeleton((*body.names, "extra"), np.append(body.parents, 0), np.concatenate((body.rest, body.rest[:1])))
    shared = from_text(to_text(found), larger)
    assert (shared.bones, shared.family, shared.score, shared.missing) == (
        found.bones,
        found.family,
        found.score,
        found.missing,
    )
    assert shared.by_hand
    assert not shared.warnings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no bone mapping"),
        ('{"version": 1, "bones": {"hips": 3}}', "no bone mapping"),
        ('{"version": 1, "bones": {"hips": "Gone"}}', "no bones of these names: Gone"),
        ('{"version": 1, "bones": {}}', "a body needs bones"),
    ],
)
def test_a_preset_that_does_not_fit_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_text(text, BODY)


def test_a_bone_has_one_role(tmp_path: Path) -> None:
    moved = with_role(mapping_for(BODY), "neck_1", "mixamorig:Head")
    assert moved.bones["neck_1"] == "mixamorig:Head"
    assert "head" not in moved.bones
    assert moved.missing == ("head",)
    with pytest.raises(ValueError, match="“tail”"):
        with_role(moved, "tail", "mixamorig:Head")


def test_missing_parts_are_told_in_plain_words() -> None:
    body, _ = skeleton(FAMILIES["rigify_basic"])
    found = detect(body.names, body.parents.tolist())
    assert found is not None
    assert missing_words(found.missing) == ("left fingers", "right fingers")
    some = with_role(with_role(mapping_for(BODY), "left_index_1", None), "neck_1", None)
    assert missing_words(some.missing) == ("neck", "left index")
