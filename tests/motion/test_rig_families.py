# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rig family is found by its names, and every body by its shape alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from rig_families import FAMILIES, RigFamily, skeleton

from aimocap_addon.motion.body import body_axes
from aimocap_addon.motion.mapping import Mapping, UnknownSkeletonError, detect, families, mapping_for
from aimocap_addon.motion.roles import REQUIRED
from aimocap_addon.motion.skeleton import Skeleton
from aimocap_addon.motion.structure import FAMILY, guess

BODY = (*REQUIRED, "head", "left_clavicle", "right_clavicle", "left_hand", "right_hand", "left_toe", "right_toe")
# Here the legs hang from the first spine bone and the arms from the neck, which only the names tell.
UNTOLD_TRUNK = {"biped": {"hips", "spine_1", "spine_2", "neck_1"}}
# One finger joint, on the wrist.
NO_FINGERS = ("cmu",)


def by_name(body: Skeleton) -> Mapping:
    found = detect(body.names, body.parents.tolist())
    assert found is not None
    return found


@pytest.mark.parametrize("key", FAMILIES)
def test_a_family_is_found_as_itself_with_every_role(key: str) -> None:
    body, roles = skeleton(FAMILIES[key])
    found = by_name(body)
    assert found.family == FAMILIES[key].family
    assert found.bones == roles
    assert found.margin > 0.0


def test_every_family_is_tested() -> None:
    tested = {family.family for family in FAMILIES.values()}
    # control rigs are no skeletons: those are tested on generated rigs
    assert tested == {family for family in families() if "control" not in family}


@pytest.mark.parametrize("key", FAMILIES)
def test_bones_whose_names_are_exported_otherwise_are_found(key: str) -> None:
    """Exporters change case and separators: `upper_arm.L`, `Upper_Arm_L`, `upper arm l`."""
    body, roles = skeleton(FAMILIES[key])
    changed = [name.upper().replace(".", "_").replace("-", " ") for name in body.names]
    found = detect(changed, body.parents.tolist())
    assert found is not None
    new = dict(zip(body.names, changed, strict=True))
    assert found.bones == {role: new[bone] for role, bone in roles.items()}


def test_the_score_counts_a_hand_without_fingers_like_one_bone() -> None:
    with_fingers, without = (by_name(skeleton(FAMILIES[key])[0]) for key in ("rigify_metarig", "rigify_basic"))
    assert with_fingers.score == pytest.approx(1.0)
    assert 0.9 < without.score < 0.95


# shape


def turned(angle: float, axis: Sequence[float]) -> np.ndarray:
    return np.array((np.cos(angle / 2), *(np.sin(angle / 2) * np.array(axis))))


POSES = {
    "metres, Z up": {"scale": 1.0, "turn": None},
    "centimetres, Y up": {"scale": 100.0, "turn": turned(-np.pi / 2, (1, 0, 0))},
    "facing X, tiny": {"scale": 0.01, "turn": turned(np.pi / 2, (0, 0, 1))},
    "aslant": {"scale": 1.0, "turn": np.array((0.9, 0.1, 0.2, 0.3))},
}


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("key", FAMILIES)
def test_a_body_without_names_is_found_by_its_shape(key: str, pose: str) -> None:
    body, roles = skeleton(FAMILIES[key], anonymous=sum(map(ord, key + pose)), **POSES[pose])
    assert detect(body.names, body.parents.tolist()) is None
    found = mapping_for(body)
    assert found.family == FAMILY
    untold = UNTOLD_TRUNK.get(key, set())
    assert {role: found.bones.get(role) for role in BODY if role not in untold} == {
        role: roles[role] for role in BODY if role not in untold
    }
    wrong = {r: b for r, b in found.bones.items() if roles.get(r) != b and r not in untold}
    assert not wrong
    fingers = [role for role in roles if "_twist" not in role and role.endswith("_1") and role not in BODY]
    if key not in NO_FINGERS:
        assert {role for role in fingers if role not in untold} <= set(found.bones)


@pytest.mark.parametrize("drop", [0.0, 30.0, 60.0, 80.0])
@pytest.mark.parametrize("key", ["mixamo", "daz_genesis_8", "bvh_toe", "rigify_metarig", "makehuman"])
def test_arms_are_found_from_t_pose_to_hanging(key: str, drop: float) -> None:
    body, roles = skeleton(FAMILIES[key], anonymous=3, arm_drop=drop)
    found = mapping_for(body)
    assert {role: found.bones[role] for role in BODY} == {role: roles[role] for role in BODY}
    assert not {r: b for r, b in found.bones.items() if roles.get(r) != b}


def test_left_is_left_also_where_the_character_faces_backwards() -> None:
    body, roles = skeleton(FAMILIES["mixamo"], anonymous=1, turn=turned(np.pi, (0, 0, 1)))
    found = mapping_for(body)
    assert found.bones["left_hand"] == roles["left_hand"]
    assert body_axes(body, found) == pytest.approx(np.diag((-1.0, -1.0, 1.0)), abs=1e-6)


def skeleton_of(rows: dict[str, tuple[str | None, tuple[float, float, float]]]) -> Skeleton:
    names = tuple(rows)
    rest = np.tile(np.eye(4), (len(names), 1, 1))
    rest[:, :3, 3] = np.array([head for _, head in rows.values()]).reshape(-1, 3)
    parents = [names.index(parent) if parent else -1 for parent, _ in rows.values()]
    return Skeleton(names, np.array(parents, dtype=np.intp), rest)


def horse() -> Skeleton:
    rows: dict[str, tuple[str | None, tuple[float, float, float]]] = {
        "a": (None, (0, 0.7, 1.4)),
        "b": ("a", (0, 0.35, 1.45)),
        "c": ("b", (0, 0.0, 1.4)),
        "d": ("c", (0, -0.5, 1.5)),
        "e": ("d", (0, -0.9, 2.0)),
        "f": ("e", (0, -1.3, 1.9)),
        "t1": ("a", (0, 0.9, 1.3)),
        "t2": ("t1", (0, 1.0, 1.0)),
    }
    for side, x in (("l", 0.2), ("r", -0.2)):
        for leg, y, holder in (("h", 0.7, "a"), ("f", -0.4, "d")):
            above = holder
            for n, (dy, z) in enumerate(((0.0, 1.2), (-0.1, 0.8), (0.1, 0.4), (0.0, 0.1), (-0.1, 0.0))):
                rows[f"{leg}{n}{side}"] = (above, (x, y + dy, z))
                above = f"{leg}{n}{side}"
    return skeleton_of(rows)


def spider() -> Skeleton:
    rows: dict[str, tuple[str | None, tuple[float, float, float]]] = {
        "a": (None, (0, 0, 0.3)),
        "b": ("a", (0, -0.3, 0.3)),
        "c": ("b", (0, -0.5, 0.3)),
    }
    for side, s in (("l", 1), ("r", -1)):
        for n in range(4):
            above = "b"
            for k, (x, z) in enumerate(((0.1, 0.3), (0.5, 0.7), (0.9, 0.4), (1.1, 0.0))):
                rows[f"{n}{k}{side}"] = (above, (x * s, -0.3 + 0.15 * n + 0.1 * k * (n - 1.5), z))
                above = f"{n}{k}{side}"
    return skeleton_of(rows)


def chain(count: int) -> Skeleton:
    return skeleton_of({f"{n}": (f"{n - 1}" if n else None, (0.0, 0.0, 0.1 * n)) for n in range(count)})


def without(family: RigFamily, *prefixes: str) -> Skeleton:
    """The family's skeleton without the bones of these roles and all below, and without its names."""
    rows = family.rows()
    gone: set[str] = set()
    for row in rows:
        if row.role.startswith(prefixes) or row.parent in gone:
            gone.add(row.name)
    kept = [row for row in rows if row.name not in gone]
    names = {row.name: f"Bone.{i:03d}" for i, row in enumerate(kept)}
    return skeleton_of(
        {names[r.name]: (names[r.parent] if r.parent else None, tuple(r.head.tolist())) for r in kept}  # type: ignore[misc]
    )


REFUSED = {
    "a horse": (horse(), "animal"),
    "a spider": (spider(), ""),
    "a rope": (chain(40), "limbs"),
    "a lamp": (chain(4), "too few bones"),
    "nothing": (skeleton_of({}), "too few bones"),
    "legs alone": (without(FAMILIES["mixamo"], "spine_1"), ""),
    "no legs": (without(FAMILIES["mixamo"], "left_thigh", "right_thigh"), ""),
    "one leg": (without(FAMILIES["mixamo"], "left_thigh"), ""),
    "one arm": (without(FAMILIES["mixamo"], "left_clavicle"), ""),
    "no head": (without(FAMILIES["mixamo"], "neck_1"), "no head"),
    "all in one place": (skeleton(FAMILIES["mixamo"], anonymous=1, scale=0.0)[0], ""),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_body_is_refused_and_said_why(what: str) -> None:
    body, why = REFUSED[what]
    found, reason = guess(body)
    assert found is None
    assert why in reason
    assert len(reason.split()) > 4
    with pytest.raises(UnknownSkeletonError, match=reason):
        mapping_for(body)


@pytest.mark.parametrize("part", ["left_hand", "left_index_1", "left_toe"])
def test_a_body_that_lacks_a_small_part_on_one_side_is_still_a_body(part: str) -> None:
    family = FAMILIES["mixamo"]
    body = without(family, part)
    found = mapping_for(body)
    assert all(role in found.bones for role in REQUIRED)
    assert part not in found.bones


Point = tuple[float, float, float]


def carried(parent: str, name: str, *points: Point, pair: bool = False) -> dict[str, tuple[str, Point]]:
    """Return a chain of bones through `points`, on both sides if `pair`."""
    rows: dict[str, tuple[str, Point]] = {}
    for sign in (1.0, -1.0) if pair else (1.0,):
        above = parent
        for n, (x, y, z) in enumerate(points):
            rows[f"{name}{sign}{n}"] = (above, (x * sign, y, z))
            above = f"{name}{sign}{n}"
    return rows


HIPS, CHEST, HEAD, HAND = (f"mixamorig:{name}" for name in ("Hips", "Spine2", "Head", "RightHand"))
BURDENS = {
    "a tail": carried(HIPS, "t", *((0, 0.1 + 0.15 * i, 0.9 - 0.02 * i) for i in range(8))),
    "wings": carried(CHEST, "w", (0.05, 0.1, 1.3), (0.4, 0.3, 1.7), (0.9, 0.4, 1.6), (1.4, 0.4, 1.2), pair=True),
    "a skirt": carried(
        HIPS, "a", (0.12, -0.1, 0.9), (0.15, -0.15, 0.7), (0.17, -0.18, 0.5), (0.18, -0.2, 0.3), pair=True
    )
    | carried(HIPS, "b", (0.16, 0.0, 0.9), (0.2, 0.0, 0.7), (0.22, 0.0, 0.5), (0.24, 0.0, 0.2), pair=True),
    "long hair": carried(HEAD, "h", (0.1, 0.05, 1.6), (0.2, 0.1, 1.4), (0.25, 0.1, 1.1), (0.27, 0.1, 0.5), pair=True),
    "a topknot": carried(HEAD, "k", (0, 0, 1.75), (0, 0, 1.9), (0, 0.02, 2.0), (0, 0.1, 2.2)),
    "a cape": carried(CHEST, "c", (0, 0.12, 1.35), (0, 0.15, 1.0), (0, 0.2, 0.6), (0, 0.25, 0.2)),
    "a sword": carried(HAND, "s", (-0.8, -0.1, 1.4), (-0.8, -0.6, 1.4), (-0.8, -1.2, 1.4)),
    "a dagger": carried(HAND, "d", (-0.8, -0.06, 1.4), (-0.8, -0.12, 1.4), (-0.8, -0.2, 1.4)),
}


@pytest.mark.parametrize("what", BURDENS)
def test_a_body_is_found_under_what_it_wears_and_carries(what: str) -> None:
    rows = FAMILIES["mixamo"].rows()
    placed: dict[str, tuple[str | None, Point]] = {r.name: (r.parent, tuple(r.head.tolist())) for r in rows}  # type: ignore[misc]
    placed |= BURDENS[what]
    names = {name: f"Bone.{i:03d}" for i, name in enumerate(placed)}
    body = skeleton_of({names[n]: (names[parent] if parent else None, head) for n, (parent, head) in placed.items()})
    found = mapping_for(body)
    roles = {row.role: names[row.name] for row in rows if row.role}
    assert found.bones == roles


def test_an_animal_with_the_names_of_a_person_is_warned_of() -> None:
    person, roles = skeleton(FAMILIES["rigify_basic"])
    assert not mapping_for(person).warnings
    rest = person.rest.copy()
    for name, bone in person.index.items():  # on all fours: the trunk lies, the limbs hang
        z = rest[bone, 2, 3]
        if name.startswith(("spine", "shoulder", "upper_arm", "forearm", "hand")):
            rest[bone, 1:3, 3] = (0.9 - z, 0.9)
    found = mapping_for(Skeleton(person.names, person.parents, rest))
    assert found.bones == roles
    assert "no animal" in found.warnings[0]
