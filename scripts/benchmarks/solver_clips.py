# SPDX-License-Identifier: GPL-3.0-or-later
"""The clips of the solver's benchmark and the landmarks in them, each made once and kept under `build/`.

What is kept is named by a fingerprint of what it was made of, so that a change of a motion, of the camera or of the
landmarks' code makes it again, and a change of the fit makes nothing again.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import make_sample_clips
from aimocap_addon.local_service.solver import landmarks
from aimocap_addon.local_service.solver.interface import SolveRequest
from aimocap_addon.local_service.solver.landmarks import LandmarkTrack
from environments import BPY_45, ensure
from sample_clips.clips import CLIPS, REPORTING, SAMPLES, TUNING

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "solver_clips"
COMMITTED = ROOT / "tests" / "data" / "clips"
PHONE = " (phone)"
TUNING_NAMES = (*(name for name in SAMPLES if SAMPLES[name].motion), *TUNING, "wave_squat" + PHONE)
REPORTING_NAMES = (*REPORTING, "low_kick" + PHONE)


@dataclass(frozen=True)
class Shot:
    """A clip on disk: its video, and the truth about it, which names what `sample_clips.shoot.shoot` says."""

    video: Path
    truth: Path

    def request(self) -> SolveRequest:
        """Return a request for the whole clip."""
        with np.load(self.truth) as truth:
            fps = float(truth["fps"])
            return SolveRequest(self.video, 0.0, len(truth["joints"]) / fps, round(fps), "full_body")

    def field_of_view_deg(self) -> float:
        """Return the camera's true field of view along the picture's longer side."""
        with np.load(self.truth) as truth:
            return float(2 * np.degrees(np.arctan2(0.5 * truth["size"].max(), truth["camera_intrinsics"][0, 0])))


def clip(name: str) -> Shot:
    """Return a clip, rendered if need be; raises RuntimeError when Blender cannot."""
    if name.endswith(PHONE):
        clean = clip(name.removesuffix(PHONE))
        made = clean.video.read_bytes() + Path(__file__).read_bytes()
        phone = FOLDER / f"{clean.video.stem}-phone-{hashlib.sha256(made).hexdigest()[:16]}.mp4"
        if not phone.is_file():
            FOLDER.mkdir(parents=True, exist_ok=True)
            _as_a_phone_records(clean.video, phone)
        return Shot(phone, clean.truth)
    folder = COMMITTED if name in SAMPLES else FOLDER / f"{name}-{CLIPS[name].fingerprint()}"
    shot = Shot(folder / f"{name}.mp4", folder / f"{name}.npz")
    if not shot.video.is_file():
        print(f"Rendering {name} ...", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        if not make_sample_clips.render(ensure(BPY_45), name, folder):
            raise RuntimeError(f"The clip {name} could not be rendered.")
    return shot


def _as_a_phone_records(source: Path, target: Path) -> None:
    """Write `source` as a cheap phone in a dim room would: smaller, blurred, noisy, flickering and compressed hard."""
    random = np.random.default_rng(11)
    reader, writer = cv2.VideoCapture(str(source)), None
    partial = target.with_name(f"partial-{target.name}")
    frame = 0
    while (read := reader.read())[0]:
        picture = cv2.resize(read[1], None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
        picture = cv2.GaussianBlur(picture, (0, 0), 1.2).astype(np.float64)
        picture *= 0.6 + 0.05 * np.sin(0.9 * frame)
        picture += random.normal(0.0, 9.0, picture.shape)
        packed = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 22])[1]
        picture = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        if writer is None:
            rate, size = reader.get(cv2.CAP_PROP_FPS), (picture.shape[1], picture.shape[0])
            writer = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        writer.write(picture)
        frame += 1
    assert writer is not None, source
    writer.release()
    reader.release()
    partial.replace(target)


def landmarks_in(shot: Shot) -> LandmarkTrack:
    """Return the landmarks of a clip, found if they were not yet."""
    code = Path(landmarks.__file__)
    digest = hashlib.sha256(shot.video.read_bytes())
    for source in (code, *(code.with_name(f"{name}.py") for name in ("video", "people", "models"))):
        digest.update(source.read_bytes())
    kept = FOLDER / f"{shot.video.stem}-{digest.hexdigest()[:16]}.landmarks"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())
    track = landmarks.find_landmarks(shot.request(), lambda _share, _text: None)
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(pickle.dumps(track))
    return track
