# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preferences offer beside fields: a test of the key, how much space captures take, cleaning up."""

from __future__ import annotations

import bpy
import pytest
from bl_ext.user_default.aimocap.ui import addon
from bl_ext.user_default.aimocap.ui.session import session

from service_process import ServiceProcess


def test_the_key_is_tested_where_the_service_is(use_service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bpy.ops.aimocap.test_key() == {"FINISHED"}
    assert session().key_test.sentence == "The service answers and takes the key."
    monkeypatch.setenv("AIMOCAP_KEY", "amc_nobody_has_this_key")
    with pytest.raises(RuntimeError, match="does not accept the API key"):
        bpy.ops.aimocap.test_key()


def test_space_is_measured_and_given_back() -> None:
    chosen = addon.preferences(bpy.context)
    assert bpy.ops.aimocap.measure_space() == {"FINISHED"}
    assert session().space.sentence.endswith(" MB.")
    chosen.clean_up_days = 3650
    assert bpy.ops.aimocap.clean_up() == {"FINISHED"}


def test_consent_has_a_date_until_it_is_withdrawn() -> None:
    chosen = addon.preferences(bpy.context)
    chosen.cloud_consent = True
    assert len(chosen.cloud_consent_date) == len("2026-01-31")
    chosen.cloud_consent = False
    assert chosen.cloud_consent_date == ""
