# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command aimocap capture|batch|resume|doctor`: the same work without an interface.

Each command returns an exit status: 0 when all went well, 1 with one sentence per failure on stderr, 2 for
arguments that cannot be understood.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import bpy

from ..jobs.record import Stage
from ..jobs.store import StoreError
from ..scene import video_source
from ..scene.binding import BindOptions
from ..scene.errors import SceneError
from . import addon
from .addon import CaptureError
from .bind_options import CONTROLS_ITEMS, EXISTING_ITEMS, ROOT_MOTION_ITEMS, SCALE_MODE_ITEMS
from .capture_flow import CaptureOptions, begin, finish, usable_service
from .properties import EXPORT_RATE_ITEMS, MOCAP_TYPE_ITEMS, TARGETS_ITEMS
from .session import session

COMMAND = "aimocap"
_ERRORS = (CaptureError, SceneError, StoreError)
_MANIFEST_COLUMNS = {
    "video", "blend", "armature", "save", "target", "mocap_type", "rate", "trim_start", "trim_end", "frame_start",
    "root_motion", "travel", "ground_offset", "no_foot_lock", "controls", "mirror", "smoothing",
    "max_error", "existing",
}  # fmt: skip
_FLAGS = {"no_foot_lock", "mirror"}
_YES, _NO = {"yes", "true", "1"}, {"no", "false", "0"}


def _choices(items: tuple[tuple[str, str, str], ...]) -> list[str]:
    return [item[0].lower() for item in items]


def _capture_arguments(parser: argparse.ArgumentParser) -> None:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"blender --command {COMMAND}", description="Motion capture from video")
    commands = parser.add_subparsers(dest="command", required=True)
    consent = argparse.ArgumentParser(add_help=False)
    consent.add_argument(
        "--consent", action="store_true", help="agree that videos are sent to the cloud at 1 v-credit per second"
    )
    capture = commands.add_parser("capture", parents=[consent], help="capture one video onto a character")
    _capture_arguments(capture)
    batch = commands.add_parser("batch", parents=[consent], help="capture every row of a CSV file")
    batch.add_argument("manifest", help=f"CSV with the columns {', '.join(sorted(_MANIFEST_COLUMNS))}")
    commands.add_parser("resume", parents=[consent], help="go on with the captures that were interrupted or failed")
    commands.add_parser("doctor", help="check that captures can work here")
    return parser


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    try:
        parsed = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse has printed why
        return int(stop.code or 0)
    if parsed.command == "doctor":
        return _doctor(bpy.context)
    if parsed.command == "resume":
        return _resume(parsed.consent)
    if parsed.command == "batch":
        return _batch(parsed)
    return _capture(parsed)


def _fail(sentence: str) -> int:
    print(f"AIMoCap: {sentence}", file=sys.stderr, flush=True)
    return 1


def _capture(arguments: argparse.Namespace) -> int:
    try:
        _capture_into_file(arguments)
    except _ERRORS as error:
        return _fail(str(error))
    return 0


def _capture_into_file(arguments: argparse.Namespace) -> None:
    """Open, capture, bind and save; raises CaptureError, SceneError or StoreError before anything is written."""
    save = Path(arguments.save).absolute()
    if not save.parent.is_dir() or not os.access(save.parent, os.W_OK):
        raise CaptureError(f"{save.parent} is not a folder that can be written: choose another place to save.")
    _open(arguments.blend)
    context = bpy.context
    source = video_source.from_file(
        addon.current_scene(context),
        Path(arguments.video).absolute(),
        trim_start_sec=arguments.trim_start,
        trim_end_sec=arguments.trim_end,
        frame_start=arguments.frame_start,
    )
    options = CaptureOptions(
        armature=next(iter(arguments.armature), ""),
        targets=arguments.target.upper(),
        more_armatures=tuple(arguments.armature[1:]),
        mocap_type=arguments.mocap_type,
        export_rate=arguments.rate.upper(),
        bind=_bind_options(arguments),
        consent=arguments.consent,
    )
    record, service = begin(context, source, options)
    print(f"AIMoCap | {source.name}: {source.window_sec:.2f} s of video to {service.base_url}", flush=True)
    sentence = finish(context, session().run_blocking(record, service))
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(save), check_existing=False)
    except RuntimeError as error:
        raise CaptureError(f"{save} cannot be written ({error}): the motion is kept, import it later.") from error
    print(f"AIMoCap | {sentence} Saved as {save}", flush=True)


def _open(blend: str) -> None:
    if not blend:
        bpy.ops.wm.read_homefile(use_empty=True)
        return
    path = Path(blend).absolute()
    if not path.is_file():
        raise CaptureError(f"The file {path} does not exist: check --blend.")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False)
    except RuntimeError as error:
        raise CaptureError(f"{path} cannot be opened: it is no .blend file of this Blender.") from error


def _batch(arguments: argparse.Namespace) -> int:
    try:
        rows = _read_manifest(Path(arguments.manifest).absolute(), arguments.consent)
    except _ERRORS as error:
        return _fail(str(error))
    failures = 0
    for number, row in enumerate(rows, start=1):
        print(f"AIMoCap | Row {number} of {len(rows)}: {row.video}", flush=True)
        failures += _capture(row)
    print(f"AIMoCap | {len(rows) - failures} captured, {failures} failed", flush=True)
    return 1 if failures else 0


def _read_manifest(path: Path, consent: bool) -> list[argparse.Namespace]:
    """Read the CSV; relative paths count from its folder. Raises CaptureError with the row that is wrong."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            unknown = set(reader.fieldnames or ()) - _MANIFEST_COLUMNS
            if unknown or "video" not in (reader.fieldnames or ()):
                raise CaptureError(
                    f"{path.name} needs a header row with the columns {', '.join(sorted(_MANIFEST_COLUMNS))}."
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CaptureError(f"{path} cannot be read as a CSV file ({error}): check the path.") from error
    return [_row_arguments(row, number, path, consent) for number, row in enumerate(rows, start=1)]


def _row_arguments(row: dict[str, Any], number: int, manifest: Path, consent: bool) -> argparse.Namespace:
    words = ["capture"]
    for column, value in row.items():
        if not value or column == "video":
            continue
        if column in _FLAGS:
            if value.lower() not in _YES | _NO:
                raise CaptureError(f"Row {number} of {manifest.name} says “{value}” for {column}: write yes or no.")
            words += [f"--{column.replace('_', '-')}"] * (value.lower() in _YES)
            continue
        if column == "armature":
            words += [f"--armature={name}" for name in value.split(";")]
            continue
        text = str(manifest.parent / value) if column in ("blend", "save") else value
        words.append(f"--{column.replace('_', '-')}={text}")
    words += ["--consent"] * consent + ["--", str(manifest.parent / (row.get("video") or ""))]
    try:
        return _parser().parse_args(words)
    except SystemExit as stop:
        raise CaptureError(f"Row {number} of {manifest.name} cannot be understood: see the line above.") from stop


def _resume(consent: bool) -> int:
    """Take the captures of this service that were interrupted, or failed and can be retried, to their end."""
    current = session()
    try:
        service = usable_service(bpy.context, consent=consent)
        current.load()
        known = [record for record in current.records.values() if record.request.service_url == service.base_url]
        found = [record for record in known if record.can_go_on and not current.store().is_claimed(record.capture_id)]
        done = [
            current.run_blocking(record.resumed() if record.stage.is_final else record, service) for record in found
        ]
    except _ERRORS as error:
        return _fail(str(error))
    for record in done:
        if record.failure is not None:
            _fail(f"“{record.request.title}”: {record.failure.sentence}")
    ready = sum(record.stage is Stage.READY for record in done)
    print(f"AIMoCap | {ready} ready, {len(done) - ready} not; each is brought in when its file is opened", flush=True)
    return 0 if ready == len(done) else 1


def _doctor(context: bpy.types.Context) -> int:
    """Print what a capture depends on; returns 1 if one of these would stop it."""
    import httpx  # shown here, otherwise loaded with the first capture
    import pydantic

    service = addon.service(context)
    where = "environment" if service.key_from_environment else "keyring" if service.key_is_kept else "preferences"
    print(f"Blender        {bpy.app.version_string}, Python {sys.version.split()[0]}")
    print(f"Add-on         {addon.PACKAGE}")
    print(f"Libraries      httpx {httpx.__version__}, pydantic {pydantic.VERSION}")
    print(f"Service        {service.base_url} ({'local' if service.is_local else 'cloud'})")
    print(f"API key        {f'set in the {where}' if service.api_key or service.key_is_kept else 'missing'}")
    print(f"Online access  {'on' if bpy.app.online_access else 'off'}")
    folder = addon.user_folder()
    print(f"Captures       {folder}, {shutil.disk_usage(folder).free / 1e9:.1f} GB free")
    try:
        session().store()
        answer = _ask_service(usable_service(context, consent=True))
    except (*_ERRORS, OSError) as error:
        return _fail(str(error))
    print(f"Answer         {answer}", flush=True)
    return 0


def _ask_service(service: addon.Service) -> str:
    """Ask for a job that does not exist: shows that the service answers and takes the key, and costs nothing."""
    from ..api.client import AimocapClient  # loads the HTTP library
    from ..api.errors import AimocapError, ApiError

    try:
        with AimocapClient(service.base_url, service.api_key) as client:
            client.poll("mocap_doctor")
    except ApiError as error:
        if error.status in (404, 410) and error.detail.lstrip().startswith("{"):
            return "the service answers and takes the key"
        raise CaptureError(error.user_message) from error
    except AimocapError as error:
        raise CaptureError(error.user_message) from error
    return "the service answers"


def register() -> None:
    """Make the commands known to `blender --command`."""
    # The handle is all that can unregister it again; Blender's window manager type holds it meanwhile.
    bpy.types.WindowManager.aimocap_command = bpy.utils.register_cli_command(COMMAND, run)  # type: ignore[attr-defined]


def unregister() -> None:
    """Take the commands back."""
    bpy.utils.unregister_cli_command(bpy.types.WindowManager.aimocap_command)  # type: ignore[attr-defined]
    del bpy.types.WindowManager.aimocap_command  # type: ignore[attr-defined]
