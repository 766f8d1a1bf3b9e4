# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the commands, and what a capture takes from them."""

from __future__ import annotations

import argparse
import math

from ...scene.binding import BindOptions
from ..bind_options import CONTROLS_ITEMS, EXISTING_ITEMS, ROOT_MOTION_ITEMS, SCALE_MODE_ITEMS
from ..capture_flow import CaptureOptions
from ..properties import EXPORT_RATE_ITEMS, MOCAP_TYPE_ITEMS, TARGETS_ITEMS


def _choices(items: tuple[tuple[str, str, str], ...]) -> list[str]:
    return [item[0].lower() for item in items]


def add_capture_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what one capture is told."""
    parser.add_argument("video", help="video file to capture")
    parser.add_argument("--blend", default="", help="file that holds the character; without it an empty file is made")
    parser.add_argument(
        "--armature",
        action="append",
        default=[],
        metavar="NAME",
        help="armature that moves, several times for several; default: the captured skeleton",
    )
    parser.add_argument("--save", required=True, help="where the .blend with the motion is written")
    parser.add_argument(
        "--target",
        choices=_choices(TARGETS_ITEMS),
        default="character",
        help="what it becomes: motion of the character, of a Unitree G1 robot, or both from one capture",
    )
    parser.add_argument("--mocap-type", choices=_choices(MOCAP_TYPE_ITEMS), default="full_body")
    parser.add_argument("--rate", choices=_choices(EXPORT_RATE_ITEMS), default="scene", help="motion frames per second")
    parser.add_argument("--trim-start", type=float, default=0.0, metavar="SEC", help="where the capture begins")
    parser.add_argument("--trim-end", type=float, default=None, metavar="SEC", help="where it ends")
    parser.add_argument("--frame-start", type=int, default=None, metavar="FRAME", help="default: the scene's first")
    _bind_arguments(parser)


def _bind_arguments(parser: argparse.ArgumentParser) -> None:
    binding = parser.add_argument_group("binding", "how the character takes the motion")
    binding.add_argument("--root-motion", choices=_choices(ROOT_MOTION_ITEMS), default="captured")
    binding.add_argument("--travel", choices=_choices(SCALE_MODE_ITEMS), default="leg", help="how far it travels")
    binding.add_argument("--ground-offset", type=float, default=0.0, metavar="UNITS", help="raises the character")
    binding.add_argument("--no-foot-lock", action="store_true", help="let planted feet slide as the solve has them")
    binding.add_argument(
        "--controls", choices=_choices(CONTROLS_ITEMS), default="fk", help="which controls of a control rig move"
    )
    binding.add_argument("--mirror", action="store_true", help="change left and right")
    binding.add_argument("--smoothing", type=float, default=0.0, metavar="SEC", help="take out jitter, 0.05 is usual")
    binding.add_argument(
        "--max-error", type=float, default=0.0, metavar="DEGREES", help="leave out keys within it; default: none"
    )
    binding.add_argument(
        "--existing", choices=_choices(EXISTING_ITEMS), default="keep", help="what becomes of the animation before"
    )


def parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of `blender --command NAME`."""
    root = argparse.ArgumentParser(prog=f"blender --command {name}", description="Motion capture from video")
    commands = root.add_subparsers(dest="command", required=True)
    consent = argparse.ArgumentParser(add_help=False)
    consent.add_argument(
        "--consent", action="store_true", help="agree that videos are sent to the cloud at 1 v-credit per second"
    )
    capture = commands.add_parser("capture", parents=[consent], help="capture one video onto a character")
    add_capture_arguments(capture)
    batch = commands.add_parser(
        "batch", parents=[consent], help="capture every row of a CSV file; run it again to go on where it ended"
    )
    batch.add_argument(
        "manifest",
        help="CSV with a header row: video, output and, where wanted, blend, armature, in, out or other options of "
        "capture, written with _ for -",
    )
    batch.add_argument("--report", metavar="FILE", help="JSON file to keep what became of each row in")
    batch.add_argument("--check", action="store_true", help="only tell what would be captured")
    commands.add_parser("resume", parents=[consent], help="go on with the captures that were interrupted or failed")
    commands.add_parser("doctor", help="check that captures can work here")
    return root


def capture_options(arguments: argparse.Namespace) -> CaptureOptions:
    """Return what the arguments of a capture ask for, beside its video."""
    return CaptureOptions(
        armature=next(iter(arguments.armature), ""),
        targets=arguments.target.upper(),
        more_armatures=tuple(arguments.armature[1:]),
        mocap_type=arguments.mocap_type,
        export_rate=arguments.rate.upper(),
        bind=_bind_options(arguments),
        consent=arguments.consent,
    )


def _bind_options(arguments: argparse.Namespace) -> BindOptions:
    return BindOptions(
        root_motion=arguments.root_motion.upper(),
        scale_mode=arguments.travel.upper(),
        ground_offset=arguments.ground_offset,
        hold_contacts=not arguments.no_foot_lock,
        controls=arguments.controls.upper(),
        mirror=arguments.mirror,
        smoothing=arguments.smoothing,
        max_error=math.radians(arguments.max_error),
        existing=arguments.existing.upper(),
    )
