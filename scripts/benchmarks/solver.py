# SPDX-License-Identifier: GPL-3.0-or-later
"""How near the built-in solver comes to the truth, beside the landmarks it starts from.

The clips are rendered (`solver_clips`), so every joint is known. The solver's numbers were chosen with the tuning
clips; the reporting clips show other motions and cameras and chose nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from aimocap_addon.local_service.solver.fit import POINTS  # noqa: E402
from aimocap_addon.local_service.solver.landmarks import LandmarkTrack  # noqa: E402
from aimocap_addon.local_service.solver.run import solve_track  # noqa: E402
from environments import BPY_45, ensure  # noqa: E402
from scripts.benchmarks import solver_cost  # noqa: E402
from scripts.benchmarks.solver_clips import REPORTING_NAMES, TUNING_NAMES, Shot, clip, landmarks_in  # noqa: E402
from tests.solver import measure  # noqa: E402
from tests.solver.measure import BONES, Joints  # noqa: E402

# Reaching these is what the solver is made for.
_TARGETS = "PA ≤ 55 mm and ≤ 0.85 of raw, knee ≤ 9°, elbow ≤ 11°, slide ≤ 6 cm/s, drift ≤ 2 cm, jerk ≤ 1.5, root ≤ 4 cm"


@dataclass(frozen=True)
class Row:
    """Figures of one clip; lengths in mm or cm, angles in degrees, `jerk` as a multiple of the truth's."""

    detection: float
    mpjpe_raw: float
    mpjpe: float
    pa_raw: float
    pa: float
    arms_raw: float
    arms: float
    knee_raw: float
    knee: float
    elbow_raw: float
    elbow: float
    upper_arm: float
    thigh: float
    slide: float
    drift: float
    jerk_raw: float
    jerk: float
    root: float
    root_known: float
    up: float


_HEADS = {
    "detection": "found %",
    "mpjpe": "MPJPE mm",
    "pa": "PA mm",
    "arms": "of arms",
    "knee": "knee °",
    "elbow": "elbow °",
    "upper_arm": "upper arm °",
    "thigh": "thigh °",
    "slide": "slide cm/s",
    "drift": "drift cm",
    "jerk": "jerk ×",
    "root": "root cm",
    "root_known": "with the lens known",
    "up": "up °",
}


def _truth(shot: Shot) -> tuple[Joints, dict[str, np.ndarray], np.ndarray]:
    """Return joints and planted feet as seen with the camera's heading, and the turn from camera space to that."""
    with np.load(shot.truth) as arrays:
        joints, names = arrays["joints"].astype(np.float64), arrays["joint_names"].tolist()
        camera = arrays["camera_matrix_world"][:3, :3]
        planted = {name[-1]: arrays["contacts"][:, i] for i, name in enumerate(arrays["contact_names"].tolist())}
    across = camera[:, 0]
    heading = np.array(((across[0], across[1], 0.0), (-across[1], across[0], 0.0), (0.0, 0.0, 1.0)))
    joints = joints @ heading.T
    truth = {f"{joint}_{s}": joints[:, names.index(f"{bone}_{s}")] for joint, bone in BONES.items() for s in "lr"}
    truth["pelvis"] = joints[:, names.index("pelvis")]
    return truth, planted, heading @ camera @ np.diag((1.0, -1.0, -1.0))


def _raw_joints(track: LandmarkTrack, turn: np.ndarray) -> Joints:
    world = track.world @ turn.T
    joints = {name: world[:, POINTS[name]] for name in measure.JOINTS}
    return joints | {"pelvis": measure.middle(joints, "hip")}


def _arms_mm(found: Joints, truth: Joints) -> float:
    """Return the mean error of elbows and wrists from their shoulder, after one size for the whole clip."""
    scale = measure.body_scale(found, truth)
    errors = [
        scale * (found[f"{joint}_{s}"] - found[f"shoulder_{s}"]) - (truth[f"{joint}_{s}"] - truth[f"shoulder_{s}"])
        for joint in ("elbow", "wrist")
        for s in "lr"
    ]
    return float(1000 * np.linalg.norm(errors, axis=-1).mean())


def row(shot: Shot, track: LandmarkTrack) -> Row:
    """Solve a clip's landmarks and measure what comes out."""
    truth, planted, turn = _truth(shot)
    motion = solve_track(track, shot.request())
    found = measure.joints_of(motion)
    options = replace(shot.request().options, field_of_view_deg=shot.field_of_view_deg())
    told = measure.joints_of(solve_track(track, replace(shot.request(), options=options)))
    raw = _raw_joints(track, turn)
    count = min(len(truth["pelvis"]), len(raw["pelvis"]), len(found["pelvis"]))
    truth, found, raw = ({name: at[:count] for name, at in joints.items()} for joints in (truth, found, raw))
    planted = {side: flags[:count] for side, flags in planted.items()}
    still = {name: at - measure.middle(truth, "hip") for name, at in truth.items()}
    return Row(
        detection=100.0 * (1.0 - track.frames_without_person / len(track.world)),
        mpjpe_raw=measure.hip_centred_error_mm(raw, truth),
        mpjpe=measure.hip_centred_error_mm(found, truth),
        pa_raw=measure.aligned_error_mm(raw, truth),
        pa=measure.aligned_error_mm(found, truth),
        arms_raw=_arms_mm(raw, truth),
        arms=_arms_mm(found, truth),
        knee_raw=measure.flexion_error_deg(raw, truth, "knee"),
        knee=measure.flexion_error_deg(found, truth, "knee"),
        elbow_raw=measure.flexion_error_deg(raw, truth, "elbow"),
        elbow=measure.flexion_error_deg(found, truth, "elbow"),
        upper_arm=measure.limb_error_deg(found, truth, "upper arm"),
        thigh=measure.limb_error_deg(found, truth, "thigh"),
        slide=measure.slide_cm_per_s(motion, planted),
        drift=measure.stance_drift_cm(motion, planted),
        jerk_raw=measure.jerk(raw, motion.fps) / measure.jerk(still, motion.fps),
        jerk=measure.jerk(found, motion.fps) / measure.jerk(truth, motion.fps),
        root=measure.root_error_cm(found, truth),
        root_known=measure.root_error_cm({name: at[:count] for name, at in told.items()}, truth),
        up=measure.up_error_deg(found, truth),
    )


def _line(name: str, figures: Row) -> str:
    cells = []
    for column in _HEADS:
        value = getattr(figures, column)
        digits = 0 if value >= 20.0 else 1
        before = getattr(figures, f"{column}_raw", None)
        start = "" if before is None else f"{before:.{0 if before >= 20.0 else 1}f} → "
        cells.append(f"{start}{value:.{digits}f}")
    return f"| {name} | {' | '.join(cells)} |"


def report(title: str, names: Iterable[str]) -> None:
    """Print one table: raw landmarks → the solver's motion, for every clip and their mean."""
    rows = {}
    for name in names:
        shot = clip(name)
        rows[name] = row(shot, landmarks_in(shot))
    print(f"\n| {title} | {' | '.join(_HEADS.values())} |")
    print(f"| --- |{' ---: |' * len(_HEADS)}")
    for name, figures in rows.items():
        print(_line(name, figures))
    mean = Row(*np.mean([astuple(figures) for figures in rows.values()], axis=0).tolist())
    print(_line("**mean**", mean))
    worse = [name for name, figures in rows.items() if figures.pa > figures.pa_raw]
    print(f"\nPA is {mean.pa / mean.pa_raw:.2f} of raw; worse than raw: {', '.join(worse) or 'none'}.", flush=True)


def main(groups: list[str], lengths: list[float]) -> int:
    """Print the table of each group of clips, and the cost of clips of these lengths in seconds."""
    for group, names in (("tuning", TUNING_NAMES), ("reporting", REPORTING_NAMES)):
        if group in groups:
            report(group, names)
    print(f"\nTargets on the reporting clips: {_TARGETS}.")
    if lengths:
        solver_cost.report(clip("walk_turn").video, lengths, ensure(BPY_45))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*")
    parser.add_argument("--lengths", type=float, nargs="*", default=[])
    options = parser.parse_args()
    sys.exit(main(options.groups or ["tuning", "reporting"], options.lengths))
