# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ends of a capture that need Blender: beginning one from a video source, and taking its motion in.

Operators, the command line and scripts all go through these functions.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..api.errors import SourceFileError
from ..jobs.record import CHARACTER_TARGET, ROBOT_TARGET, CaptureRecord, CaptureRequest, Placement, Stage
from ..jobs.source import fingerprint
from ..jobs.store import StoreError
from ..scene.action_asset import mark_as_assets
from ..scene.bind_options import BindOptions
from ..scene.errors import SceneError
from ..scene.undisturbed import all_or_nothing
from ..scene.video_source import VideoSource
from . import addon, key_storage, origin
from .action_names import DEFAULT, action_name
from .addon import CaptureError, Service
from .bind_options import stored_options
from .key_storage import KeyStorageError
from .properties import BOTH, CHARACTER, EXPORT_RATE_ITEMS, MATCH_SCENE, ROBOT
from .session import session

if TYPE_CHECKING:
    from ..scene.binding import BindResult

_EXPORT_RATES = tuple(int(rate) for rate, *_ in EXPORT_RATE_ITEMS if rate != MATCH_SCENE)


@dataclass(frozen=True)
class CaptureOptions:
    """What a person chose beside the video.

    `armature` is a name, `more_armatures` are those of others with the same motion; without any it is the captured
    skeleton itself that moves. `targets` is one of TARGETS_ITEMS.
    """

    armature: str = ""
    more_armatures: tuple[str, ...] = ()
    targets: str = CHARACTER
    mocap_type: str = "full_body"
    export_rate: str = MATCH_SCENE
    bind: BindOptions = field(default_factory=BindOptions)
    consent: bool = False


_TARGETS = {
    CHARACTER: (CHARACTER_TARGET,),
    ROBOT: (ROBOT_TARGET,),
    BOTH: (CHARACTER_TARGET, ROBOT_TARGET),
}


def usable_service(context: bpy.types.Context, *, consent: bool = False) -> Service:
    """Return the chosen service; raises CaptureError if no video may or can be sent to it."""
    service = addon.service(context)
    if not service.is_local:
        sentence = addon.online_access_sentence()
        if sentence:
            raise CaptureError(sentence)
        if not (consent or addon.has_consent(context)):
            raise CaptureError(
                "The cloud needs your consent: videos leave this machine and cost 1 v-credit per second. "
                "Give it in the AIMoCap panel or the add-on's preferences."
            )
    if service.key_is_kept:
        try:
            service = dataclasses.replace(service, api_key=key_storage.read(service.base_url))
        except KeyStorageError as error:
            raise CaptureError(str(error)) from error
    if not service.api_key:
        if service.is_local:
            raise CaptureError(
                f"There is no API key for {service.base_url}: start the local service in the AIMoCap panel, or set one "
                f"in the add-on's preferences or in the environment variable {addon.KEY_VARIABLE}."
            )
        raise CaptureError(
            f"There is no API key for {service.base_url}: set one in the add-on's preferences or in the environment "
            f"variable {addon.KEY_VARIABLE}."
        )
    return service


def target_armature(name: str) -> bpy.types.Object | None:
    """Return the armature of this name, None for no name.

    Raises CaptureError if there is none, or SceneError if no motion can be bound to it.
    """
    from ..scene.binding import check_target  # with all that moves a character, which no start of Blender waits for

    if not name:
        return None
    found = bpy.data.objects.get(name)
    if found is None:
        if not any(each.type == "ARMATURE" for each in bpy.data.objects):
            raise CaptureError(
                f"There is no armature “{name}”, nor any other in this file: add a character, or leave the character "
                "empty to get the captured skeleton."
            )
        raise CaptureError(f"There is no armature “{name}” in this file: check the name or choose another one.")
    if found.type != "ARMATURE":
        raise CaptureError(f"“{name}” is no armature: choose the armature that moves the character.")
    if not found.users_scene:  # deleted, but kept by something that still refers to it
        raise CaptureError(f"The armature “{name}” was deleted from its scene: choose another one.")
    check_target(found, mapping_folder=addon.mapping_folder())
    return found


def target_armatures(names: Iterable[str]) -> list[bpy.types.Object]:
    """Return the armatures of these names, each once; raises as `target_armature`."""
    found = [target_armature(name) for name in dict.fromkeys(names)]
    return [armature for armature in found if armature is not None]


def selected_armatures(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Return the armatures that are selected in the view layer, whatever editor is in use."""
    return [each for each in context.view_layer.objects.selected if each.type == "ARMATURE"]


def motion_rate(choice: str, frames_per_second: float) -> int:
    """Return the export rate: the chosen one, or for MATCH_SCENE the lowest with a motion frame per scene frame."""
    if choice != MATCH_SCENE:
        return int(choice)
    return next((rate for rate in _EXPORT_RATES if rate > frames_per_second - 0.1), _EXPORT_RATES[-1])


def begin(context: bpy.types.Context, source: VideoSource, options: CaptureOptions) -> tuple[CaptureRecord, Service]:
    """Check everything that can be checked before a byte is sent and return the capture to run.

    Raises CaptureError or SceneError.
    """
    service = usable_service(context, consent=options.consent)
    if options.targets != ROBOT:
        target_armatures((options.armature, *options.more_armatures))
    try:
        chosen = fingerprint(source.path)
    except SourceFileError as error:
        raise CaptureError(error.user_message) from error
    request = CaptureRequest(
        video=str(source.path),
        title=source.name,
        service_url=service.base_url,
        fingerprint=chosen,
        duration_sec=source.duration_sec,
        trim_start_sec=source.trim_start_sec,
        trim_end_sec=source.trim_end_sec,
        export_fps=motion_rate(options.export_rate, source.frames_per_second),
        mocap_type=options.mocap_type,
        targets=_TARGETS[options.targets],
        placement=Placement(
            frame_start=source.frame_start,
            frames_per_second=source.frames_per_second,
            armature=options.armature,
            more_armatures=options.more_armatures,
            blend_file=bpy.data.filepath,
            file_id=origin.file_id(),
            scene=addon.current_scene(context).name,
            options=dataclasses.asdict(options.bind),
        ),
    )
    record = CaptureRecord.new(request)
    origin.remember(record)
    return record, service


def finish(
    context: bpy.types.Context,
    record: CaptureRecord,
    armature: str | None = None,
    options: BindOptions | None = None,
) -> str:
    """Import the motion of a ready capture and return a sentence about it: who moves, and what is missing.

    A character's motion is bound as the capture asked for, or as the arguments say; a robot is added to the scene.
    Where the robot's file cannot be used, the sentence says so and the character moves all the same. Raises
    CaptureError or SceneError; nothing is then left behind in the file.
    """
    if record.stage is Stage.FAILED and record.failure is not None:
        raise CaptureError(record.failure.sentence)
    if record.stage is not Stage.READY:
        raise CaptureError(f"This capture has no motion yet: wait until it is ready. {record.message}".rstrip())
    character, robot = record.motion_file, record.robot_file
    if character is None and robot is None:
        raise CaptureError(f"This capture brought no motion: capture the clip again. {record.message}".rstrip())
    for path in (character, robot):
        if path is not None and not path.is_file():
            raise CaptureError(f"The motion file {path} is not there any more: capture the clip again.")
    told = [record.message] if record.message else []
    with all_or_nothing():
        if robot is not None:
            try:
                beside = character is not None
                told.insert(0, _add_robot(context, record, robot, beside=beside))
            except SceneError as error:
                if character is None:
                    raise
                told.append(f"The robot is missing: {error}")
        if character is not None:
            names = origin.armature_names(record) if armature is None else (armature,)
            told.insert(0, _move_characters(context, record, character, target_armatures(names), options))
    _note_delivery(record)
    return " ".join(told)


def _move_characters(
    context: bpy.types.Context,
    record: CaptureRecord,
    path: Path,
    targets: Sequence[bpy.types.Object],
    options: BindOptions | None,
) -> str:
    """Bind the motion in an FBX file to `targets`, or import its own skeleton where there are none."""
    from ..scene.binding import Character  # loaded late, as above
    from ..scene.fbx_import import import_fbx
    from ..scene.file_binding import bind_file

    request, placement, chosen = record.request, record.request.placement, addon.preferences(context)
    names = chosen.action_name if chosen is not None else DEFAULT
    name, frame_step = f"AIMoCap {request.title}", placement.frames_per_second / request.export_fps
    if not targets:
        imported = import_fbx(context, path, name=name, frame_start=placement.frame_start, frame_step=frame_step)
        elsewhere = _move_to_scene(imported, context, placement.scene)
        return f"“{imported.name}” moves as captured from “{request.title}”. {elsewhere}".rstrip()
    bound = bind_file(
        context,
        path,
        [Character(target, action_name=action_name(names, record, target.name)) for target in targets],
        options or stored_options(placement.options),
        name=name,
        frame_start=placement.frame_start,
        frame_step=frame_step,
        mapping_folder=addon.mapping_folder(),
    )
    if chosen is not None and chosen.mark_assets:
        mark_as_assets(each.action for each in bound)
    return _outcome(targets, bound, request.title)


def _add_robot(context: bpy.types.Context, record: CaptureRecord, path: Path, *, beside: bool) -> str:
    """Add a Unitree G1 that moves as the file says, at the rate that the file says: services may choose another.

    `beside`: next to the character that moves with it, not in it.
    """
    from ..api.results import robot_motion_fps  # loads pydantic
    from ..scene.robot_motion import RobotLook, import_robot_motion

    request, placement = record.request, record.request.placement
    robot = import_robot_motion(
        context,
        path,
        name=f"AIMoCap {request.title} G1",
        frame_start=placement.frame_start,
        frame_step=placement.frames_per_second / robot_motion_fps(path),
        look=RobotLook(location=_beside_character(context, record) if beside else (0.0, 0.0, 0.0)),
    )
    elsewhere = _move_to_scene(robot, context, placement.scene)
    return f"“{robot.name}” moves as captured from “{request.title}”. {elsewhere}".rstrip()


def _beside_character(context: bpy.types.Context, record: CaptureRecord) -> tuple[float, float, float]:
    """Return the place one metre from the capture's character, along the scene's X."""
    character = bpy.data.objects.get(origin.armature_names(record)[0])
    x, y, z = character.matrix_world.translation if character is not None else (0.0, 0.0, 0.0)
    return x + 1.0 / addon.current_scene(context).unit_settings.scale_length, y, z


def _note_delivery(record: CaptureRecord) -> None:
    """Have the capture not brought in again by itself."""
    with contextlib.suppress(StoreError):  # the motion is there, which counts more than a note of it
        session().take_delivery(record.capture_id)


def _move_to_scene(armature: bpy.types.Object, context: bpy.types.Context, name: str) -> str:
    """Put an imported armature, with its body, into the scene of this name.

    Returns a sentence if that is not there any more.
    """
    current, scene = addon.current_scene(context), bpy.data.scenes.get(name)
    if scene is None:
        return f"The scene “{name}” is not there any more: it stands in “{current.name}”." if name else ""
    if scene != current:
        for each in (armature, *armature.children_recursive):
            for collection in list(each.users_collection):
                collection.objects.unlink(each)
            scene.collection.objects.link(each)
    return ""


def _outcome(targets: Sequence[bpy.types.Object], bound: Sequence[BindResult], title: str) -> str:
    """Return who moves as captured from what, then what may look wrong, each thing once."""
    who = ", ".join(f"“{target.name}”" for target in targets)
    first, last = bound[0].frame_range
    warnings = dict.fromkeys(each.warning for each in bound if each.warning)
    if len(targets) > 1:
        sentence = f"{who} move as captured from “{title}”, frames {first} to {last}."
    else:
        sentence = f"{who} moves as captured from “{title}”, frames {first} to {last}."
    return " ".join((sentence, *warnings))
