# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe's models as the solver uses them: poses, poses with hands, people.

MediaPipe's package imports drawing helpers that need matplotlib; an empty stand-in module keeps that dependency away,
since nothing is drawn here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from .people import Detector, Person

# The detector that the pose model uses itself, which returns the best person alone.
_DETECTOR = """
input_stream: "image"
output_stream: "detections"
node { calculator: "PoseDetectionCpu" input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections" }
"""


@contextlib.contextmanager
def pose_model(hands: bool) -> Iterator[Any]:
    """Give a model whose `process` takes an RGB picture and returns `pose_landmarks`, `pose_world_landmarks` and, with
    `hands`, `left_hand_landmarks` and `right_hand_landmarks`, each None where nothing is seen."""
    _keep_matplotlib_away()
    with quiet_stderr():
        # Complexities 0 and 2 would download their models; 1 ships inside the wheel.
        # Landmarks are smoothed later, in both directions of time, so the causal filter stays off.
        options = {"model_complexity": 1, "smooth_landmarks": False}
        if hands:
            import_module("mediapipe.python.solutions.face_mesh")  # without it holistic fails in its own face part
            model = import_module("mediapipe.python.solutions.holistic").Holistic(**options)
        else:
            model = import_module("mediapipe.python.solutions.pose").Pose(**options)
        # The graph starts its calculators, and their chatter, with the first picture.
        model.process(np.zeros((64, 64, 3), np.uint8))
    with model:
        yield model


@contextlib.contextmanager
def people_detector() -> Iterator[Detector]:
    """Give what finds people in an RGB picture."""
    _keep_matplotlib_away()
    with quiet_stderr():
        import_module("mediapipe.python.solutions.pose")  # registers the calculator
        base = import_module("mediapipe.python.solution_base")
        config = import_module("mediapipe.framework.calculator_pb2").CalculatorGraphConfig()
        import_module("google.protobuf.text_format").Parse(_DETECTOR, config)
        graph = base.SolutionBase(graph_config=config, outputs=["detections"])
        graph.process({"image": np.zeros((64, 64, 3), np.uint8)})

    def detect(picture: np.ndarray) -> list[Person]:
        height, width = picture.shape[:2]
        people = []
        for found in graph.process({"image": picture}).detections or ():
            # The middle of the hips, and a point on a circle around the whole body.
            hips, rim = found.location_data.relative_keypoints[:2]
            radius = float(np.hypot((rim.x - hips.x) * width, (rim.y - hips.y) * height))
            people.append(Person(hips.x * width, hips.y * height, max(radius, 1.0)))
        return people

    with graph:
        yield detect


def _keep_matplotlib_away() -> None:
    for name in ("matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(name, types.ModuleType(name))


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Drop what native code writes to the process's stderr; Python's own errors still raise."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as sink:  # noqa: PTH123 - a device, not a path
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
