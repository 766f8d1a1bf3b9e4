# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of actions after a person's template, and actions as assets."""

from __future__ import annotations

import dataclasses

import bpy
import pytest

from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest
from aimocap_addon.scene.action_asset import mark_as_assets
from aimocap_addon.ui.action_names import DEFAULT, action_name, fault

REQUEST = CaptureRequest(video="/v.mp4", title="Walk {x}", service_url="http://localhost", mocap_type="upper_body")
RECORD = dataclasses.replace(CaptureRecord.new(REQUEST), created_at=1_700_000_000.0)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (DEFAULT, "Hero Walk {x}"),
        ("{clip} on {armature} ({type})", "Walk {x} on Hero (upper body)"),
        ("shot_{{1}}_{clip}", "shot_{1}_Walk {x}"),
        ("take", "take"),
    ],
)
def test_a_template_is_filled_in(template: str, name: str) -> None:
    assert fault(template) == ""
    assert action_name(template, RECORD, "Hero") == name


def test_the_date_is_that_of_the_capture() -> None:
    assert action_name("{date}", RECORD, "Hero") in ("2023-11-14", "2023-11-15")  # by the time zone


@pytest.mark.parametrize(
    "template", ["", "  ", "{clip", "{}", "{0}", "{name}", "{clip.x}", "{clip[0]}", "{clip!r}", "{clip:9}"]
)
def test_a_faulty_template_is_told_and_does_not_lose_motion(template: str) -> None:
    assert fault(template).endswith(".")
    assert action_name(template, RECORD, "Hero") == "Hero Walk {x}"


def test_a_name_fits_what_blender_keeps_of_it() -> None:
    name = action_name("{clip} {armature}", RECORD, "é" * 100)
    assert bpy.data.actions.new(name).name == name


def test_actions_become_assets() -> None:
    action = bpy.data.actions.new("Walk")
    mark_as_assets([action])
    assert action.asset_data is not None
    assert [tag.name for tag in action.asset_data.tags] == ["AIMoCap"]
    mark_as_assets([action])  # once more, as a rebinding does
    assert len(action.asset_data.tags) == 1
