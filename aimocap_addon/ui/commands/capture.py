# SPDX-License-Identifier: GPL-3.0-or-later
"""`aimocap capture` and `aimocap resume`, and the steps that a batch shares with them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import bpy

from ...jobs.record import CaptureRecord, Stage
from ...jobs.store import StoreError
from ...scene import video_source
from ...scene.errors import SceneError
from .. import addon
from ..addon import CaptureError, Service
from ..capture_flow import begin, finish, usable_service
from ..session import session
from .arguments import capture_options

ERRORS = (CaptureError, SceneError, StoreError)
FAILED = 1


def fail(sentence: str, status: int = FAILED) -> int:
    """Print why, and return the exit status."""
    print(f"AIMoCap: {sentence}", file=sys.stderr, flush=True)
    return status


def tell(sentence: str) -> None:
    """Print what goes well."""
    print(f"AIMoCap | {sentence}", flush=True)


def run(arguments: argparse.Namespace) -> int:
    """Open, capture, bind and save; a failure before the end writes nothing."""
    save = Path(arguments.save).absolute()
    try:
        check_place(save)
        open_file(arguments.blend)
        record, service = begin_capture(arguments)
        request = record.request
        tell(f"{request.title}: {request.window_sec or 0.0:.2f} s of video to {service.base_url}")
        sentence = finish(bpy.context, session().run_blocking(record, service))
        save_file(save)
    except ERRORS as error:
        return fail(str(error))
    tell(f"{sentence} Saved as {save}")
    return 0


def resume(*, consent: bool) -> int:
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
    except ERRORS as error:
        return fail(str(error))
    for record in done:
        if record.failure is not None:
            fail(f"“{record.request.title}”: {record.failure.sentence}")
    ready = sum(record.stage is Stage.READY for record in done)
    tell(f"{ready} ready, {len(done) - ready} not; each is brought in when its file is opened")
    return 0 if ready == len(done) else FAILED


def check_place(save: Path) -> None:
    """Raise CaptureError if no file can be written there."""
    if save.is_dir() or not save.name:
        raise CaptureError(f"{save} is a folder: name a file to save.")
    if not save.parent.is_dir() or not os.access(save.parent, os.W_OK):
        raise CaptureError(f"{save.parent} is not a folder that can be written: choose another place to save.")


def open_file(blend: str) -> None:
    """Open a file, or an empty one for an empty name; raises CaptureError."""
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


def begin_capture(arguments: argparse.Namespace) -> tuple[CaptureRecord, Service]:
    """Check the capture in the open file, and return what is to run; raises CaptureError or SceneError."""
    context = bpy.context
    source = video_source.from_file(
        addon.current_scene(context),
        Path(arguments.video).absolute(),
        trim_start_sec=arguments.trim_start,
        trim_end_sec=arguments.trim_end,
        frame_start=arguments.frame_start,
    )
    return begin(context, source, capture_options(arguments))


def save_file(save: Path) -> None:
    """Save what is open; raises CaptureError."""
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(save), check_existing=False)
    except RuntimeError as error:
        raise CaptureError(f"{save} cannot be written ({error}): the motion is kept, import it later.") from error
