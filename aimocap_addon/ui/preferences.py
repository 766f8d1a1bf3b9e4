# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: which service, with which key, and the consent to send videos away."""

from __future__ import annotations

import time
from math import radians

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..api.addresses import CLOUD_BASE_URL, LOCAL_BASE_URL
from ..jobs.errand import Errand
from . import action_names, addon
from .session import session
from .translations import phrase, told


def _consent_changed(preferences: AIMOCAP_AP_preferences, _context: bpy.types.Context) -> None:
    preferences.cloud_consent_date = time.strftime("%Y-%m-%d") if preferences.cloud_consent else ""


class AIMOCAP_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = addon.PACKAGE

    service: EnumProperty(
        name="Service",
        description="Where motion is solved",
        items=(
            ("LOCAL", "Local Service", "Solve on this machine: free, and no video leaves it"),
            ("CLOUD", "AIMoCap Cloud", "Send the video to the AIMoCap service, at the price of v-credits"),
        ),
        default="LOCAL",
    )
    local_url: StringProperty(
        name="Address", description="Base URL of the local service on this machine", default=LOCAL_BASE_URL
    )
    local_key: StringProperty(
        name="API Key",
        description="Key of the local service, made with its command “keys create”. Saved as plain text in Blender's "
        "preferences",
        subtype="PASSWORD",
    )
    local_hands: BoolProperty(
        name="Capture Hands",
        description="Capture palms and fingers where the video shows them well; takes twice the time. Counts from the "
        "local service's next start",
        default=False,
    )
    local_actor_height: FloatProperty(
        name="Actor Height",
        description="Height of the person in the videos, which gives motions their true size; 0 if it is not known. "
        "Counts from the local service's next start",
        subtype="DISTANCE",
        default=0.0,
        min=0.0,
        max=3.0,
    )
    local_field_of_view: FloatProperty(
        name="Field of View",
        description="Angle of the camera along the picture's longer side; 0 for what the video tells, or a usual "
        "camera. Counts from the local service's next start",
        subtype="ANGLE",
        default=0.0,
        min=0.0,
        max=radians(150.0),
        precision=1,
    )
    cloud_url: StringProperty(
        name="Address", description="Address of the AIMoCap API; https is required", default=CLOUD_BASE_URL
    )
    cloud_key: StringProperty(
        name="API Key",
        description="Key from Account > API Keys on the AIMoCap site. Saved as plain text in Blender's preferences",
        subtype="PASSWORD",
    )
    cloud_key_kept_for: StringProperty(
        name="Service of the Kept Key",
        description="Base URL whose key is in the system keyring; it is used with no other",
        options={"HIDDEN"},
    )
    cloud_consent: BoolProperty(
        name="Videos May Be Sent to the Cloud",
        description="Captured videos leave this machine for the AIMoCap service, which charges 1 v-credit per second",
        default=False,
        update=_consent_changed,
    )
    cloud_consent_date: StringProperty(
        name="Agreed On", description="Day on which sending videos was agreed to", options={"HIDDEN"}
    )

    action_name: StringProperty(
        name="Action Names",
        description="How the actions of captures are named; armature, clip, date and type in braces stand for what "
        "belongs there",
        default=action_names.DEFAULT,
    )
    mark_assets: BoolProperty(
        name="Mark Actions as Assets",
        description="List the actions of captures in the asset browser, with a preview where the scene has a camera",
        default=False,
    )
    clean_up_days: IntProperty(
        name="Older Than (Days)",
        description="Age in days from which Clean Up deletes captures that are done with",
        default=30,
        min=0,
        max=3650,
    )
    wait_hours: IntProperty(
        name="Wait at Most (Hours)",
        description="Hours after which Blender stops waiting for a capture's result. A retry goes on with the same job",
        default=addon.WAIT_HOURS,
        min=1,
        max=24 * 30,
    )

    def draw_solver(self, layout: bpy.types.UILayout) -> None:
        """Draw what the local service's solver is told."""
        for name in ("local_hands", "local_actor_height", "local_field_of_view"):
            layout.prop(self, name)

    def draw_consent(self, layout: bpy.types.UILayout) -> None:
        """Draw whether videos may be sent to the cloud."""
        layout.prop(self, "cloud_consent")
        if self.cloud_consent_date:
            layout.label(text=phrase("Agreed on {date}; untick to withdraw", date=self.cloud_consent_date))
        sentence = addon.online_access_sentence()
        if sentence:
            layout.label(text=told(sentence), icon="ERROR")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "service", expand=True)
        service = addon.service(context)
        prefix = "cloud" if self.service == "CLOUD" else "local"
        column = layout.column()
        row = column.row()
        row.enabled = not service.url_from_environment
        row.prop(self, f"{prefix}_url")
        if service.url_from_environment:
            column.label(
                text=phrase(
                    "{variable} is set and wins: {address}", variable=addon.URL_VARIABLE, address=service.base_url
                ),
                icon="INFO",
            )
        row = column.row()
        row.enabled = not service.key_from_environment
        row.prop(self, f"{prefix}_key")
        if service.key_from_environment:
            column.label(
                text=phrase("The key from the environment variable {variable} is used", variable=addon.KEY_VARIABLE),
                icon="INFO",
            )
        elif service.key_is_kept:
            row.active = False
            row.operator("aimocap.forget_key", text="", icon="X")
            column.label(text="The key in the system keyring is used", icon="LOCKED")
        elif service.is_local and not self.local_key:
            column.label(text="No key is needed for the service that the AIMoCap panel starts", icon="INFO")
        else:
            column.label(text="Keys are saved as plain text; the variable AIMOCAP_KEY avoids that", icon="INFO")
            if not service.is_local:
                column.operator("aimocap.keep_key", icon="LOCKED")
        self.draw_errand(column, "aimocap.test_key", session().key_test)
        if service.is_local:
            self.draw_solver(layout.column())
        else:
            self.draw_consent(layout)
        layout.prop(self, "wait_hours")
        row = layout.row()
        sentence = action_names.fault(self.action_name)
        row.alert = bool(sentence)
        row.prop(self, "action_name")
        if sentence:
            layout.label(text=told(sentence), icon="ERROR")
        layout.prop(self, "mark_assets")
        column = layout.column(align=True)
        column.label(text="Captures are kept until the add-on is removed, in")
        column.label(text=str(addon.user_folder(create=False)), translate=False)
        column = layout.column()
        self.draw_errand(column, "aimocap.measure_space", session().space)
        column.prop(self, "clean_up_days")
        column.operator("aimocap.clean_up", icon="TRASH")

    @staticmethod
    def draw_errand(layout: bpy.types.UILayout, operator: str, errand: Errand) -> None:
        """Draw the button that begins an errand, and what came of the last one."""
        layout.operator(operator)
        if errand.is_running:
            layout.label(text="Waiting for the answer", icon="SORTTIME")
        elif errand.sentence:
            layout.label(text=told(errand.sentence), icon="ERROR" if errand.failed else "CHECKMARK")
