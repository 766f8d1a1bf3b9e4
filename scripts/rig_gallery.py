# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows one captured motion on a rig of every family: pictures side by side, and a table of errors.

Runs in Blender's Python (`.venv/bpy-4.5`):

    python scripts/rig_gallery.py sheet docs/rig_families.png        every family on one sheet
    python scripts/rig_gallery.py sheet OUT.png --only mixamo,smplx --cell 300 --view side
    python scripts/rig_gallery.py table                              errors per rig, in Markdown

Every body is a dummy of boxes that hangs on the joints of the rig alone: left is blue, right is orange, palms and
soles are pale; nose, chest, buckle and toes are yellow. The motion is that of a sample clip, written to an FBX file
and imported as a finished capture is; `--motion FILE.fbx` takes another.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from aimocap_addon.motion.rotations import Array  # noqa: E402
from aimocap_addon.scene.armature_motion import motion_range  # noqa: E402
from aimocap_addon.scene.rig_mapping import find_mapping  # noqa: E402
from benchmarks import rig_pairs  # noqa: E402
from benchmarks.motion_metrics import compare, sample  # noqa: E402
from ending import run_and_end  # noqa: E402
from figures.gallery import Gallery, Row  # noqa: E402
from figures.mannequin import mannequin  # noqa: E402

_LEG = 0.84  # metres of thigh and calf
FORWARD = np.array((0.0, -1.0, 0.0))
COLUMNS = (
    "arms",
    "legs",
    "palms",
    "fingers",
    "feet",
    "hips",
    "spine",
    "head",
    "path scale",
    "drift",
    "sink",
    "legs held",
)


def prepare(motion: str | Path) -> bpy.types.Object:
    """Empty the file and import the performer of a clip or of an FBX file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return rig_pairs.import_performer(motion if isinstance(motion, Path) else rig_pairs.captured(motion))


def moved_dummy(armature: bpy.types.Object, roles: Mapping[str, str], frames: Sequence[int]) -> list[Row]:
    """Return the coloured surfaces of a dummy on the armature's bones: at rest, then posed at each of `frames`.

    All come in the size of a person whose legs are `_LEG` long.
    """
    assert isinstance(armature.data, bpy.types.Armature)
    bones = armature.data.bones
    rest = {role: np.array(armature.matrix_world @ bones[bone].matrix_local) for role, bone in roles.items()}
    parts = mannequin({role: matrix[:3, 3] for role, matrix in rest.items()}, FORWARD)
    size = _LEG / float(
        np.linalg.norm(rest["left_thigh"][:3, 3] - rest["left_calf"][:3, 3])
        + np.linalg.norm(rest["left_calf"][:3, 3] - rest["left_foot"][:3, 3])
    )
    poses = [dict.fromkeys(roles, np.eye(4))]
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        poses.append(
            {
                role: np.array(posed.matrix_world @ posed.pose.bones[bone].matrix) @ np.linalg.inv(rest[role])
                for role, bone in roles.items()
            }
        )
    rows = []
    for moves in poses:
        left, right = (moves[f"{side}_thigh"] @ rest[f"{side}_thigh"][:, 3] for side in ("left", "right"))
        at = 0.5 * (left + right)
        rows.append([(part.colour, size * _placed(part.vertices, moves[part.role], at), part.faces) for part in parts])
    return rows


def _placed(vertices: Array, move: Array, at: Array) -> Array:
    """Return vertices (V, 3) moved with a bone, over the place `at` (4) on the ground."""
    return vertices @ move[:3, :3].T + move[:3, 3] - at[:3] * (1.0, 1.0, 0.0)


def make_sheet(options: argparse.Namespace) -> None:
    """Render one row per rig, the performer above them."""
    motion = options.motion or options.clip
    performer = prepare(motion)
    first, last = motion_range(performer) or (1.0, 1.0)
    frames = [round(first + (last - first) * (i + 0.5) / options.columns) for i in range(options.columns)]
    gallery = Gallery(options.view, options.cell)
    roles = find_mapping(performer).bones
    gallery.add_row("Performer", "the capture", moved_dummy(performer, roles, frames), is_source=True)
    for key in options.keys:
        character = rig_pairs.character_makers()[key]()
        rig_pairs.bind(performer, character, hold_contacts=True)
        gallery.add_row(key, character.rest, moved_dummy(character.armature, character.roles, frames))
        remove(character.armature)
        print(f"Bound {key}", flush=True)
    gallery.render(options.out, blocks=options.blocks)


def remove(armature: bpy.types.Object) -> None:
    """Remove a character with its bones and actions."""
    blocks = [armature, armature.data, armature.animation_data.action]
    bpy.data.batch_remove([block for block in blocks if block is not None])


def print_table(options: argparse.Namespace) -> None:
    """Print the errors of each rig, feet free, and what holding contacts changes."""
    performer = prepare(options.motion or options.clip)
    first, last = motion_range(performer) or (1.0, 1.0)
    span = range(round(first), round(last) + 1)
    source_roles = find_mapping(performer).bones
    source = sample(performer, source_roles, span)
    print(f"Blender {bpy.app.version_string}\n")
    print("| rig | rest pose | " + " | ".join(COLUMNS) + " |")
    print("| --- | --- |" + " ---: |" * len(COLUMNS))
    figures: dict[bool, dict[str, float]] = {}
    own = float("nan")
    for key in options.keys:
        for held in (False, True):
            character = rig_pairs.character_makers()[key]()
            rig_pairs.bind(performer, character, hold_contacts=held)
            figures[held] = compare(source, sample(character.armature, dict(character.roles), span), rig_pairs.RATE)
            rest = character.rest
            remove(character.armature)
        own = figures[False]["source's drift"]
        found = {**figures[False], "legs held": figures[True]["legs"]}
        found |= {name: figures[True][name] for name in ("drift", "sink")}
        cells = ["–" if np.isnan(found[c]) else f"{found[c]:.3f}" for c in COLUMNS]
        print(f"| {key.replace('_', ' ')} | {rest} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nThe performer's own drift: {own:.3f} cm")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="One captured motion on a rig of every family.")
    known = tuple(rig_pairs.character_makers())
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("sheet", help="render pictures side by side")
    sheet.add_argument("out", type=Path)
    sheet.add_argument("--columns", type=int, default=6, help="frames per rig")
    sheet.add_argument("--cell", type=int, default=120, help="height of one picture in pixels")
    sheet.add_argument("--blocks", type=int, default=1, help="columns of rows, side by side")
    sheet.add_argument("--view", choices=("front", "side", "back", "top"), default="front")
    table = commands.add_parser("table", help="print the errors per rig")
    for command, clip in ((sheet, "punch_kick"), (table, "walk_turn")):
        command.add_argument("--clip", choices=rig_pairs.CLIPS, default=clip)
        command.add_argument("--motion", type=Path, help="an FBX file instead of a clip")
        command.add_argument("--only", type=lambda text: text.split(","), default=list(known), dest="keys")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.keys) - set(known))
    if unknown:
        parser.error(f"There is no rig {unknown[0]}: choose from {', '.join(known)}.")
    return options


def main() -> int:
    """Run the command line; returns the exit code."""
    options = parse()
    (make_sheet if options.command == "sheet" else print_table)(options)
    return 0


if __name__ == "__main__":
    run_and_end(main)
