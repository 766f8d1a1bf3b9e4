# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job of the built-in solver costs beside its landmarks alone: processor time and memory.

Both run as processes of their own, one after the other, on the same clip repeated to the length asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]


def repeated(source: Path, target: Path, seconds: float) -> None:
    """Write `source` forwards and backwards in turns until `seconds` are full, so that motion never jumps."""
    import cv2

    reader = cv2.VideoCapture(str(source))
    rate, pictures = reader.get(cv2.CAP_PROP_FPS), []
    while (read := reader.read())[0]:
        pictures.append(read[1])
    reader.release()
    size = (pictures[0].shape[1], pictures[0].shape[0])
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    round_trip = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    for frame in range(round(seconds * rate)):
        writer.write(pictures[round_trip[frame % len(round_trip)]])
    writer.release()


def work(what: str, video: Path, seconds: float, blender: Path) -> dict[str, float]:
    """Be the process that is measured: find the landmarks only, or do the whole job."""
    import resource

    from aimocap_addon.local_service.fbx.writer import BlenderCommand
    from aimocap_addon.local_service.solver.files import solve_to_files
    from aimocap_addon.local_service.solver.interface import SolveRequest
    from aimocap_addon.local_service.solver.landmarks import find_landmarks

    request = SolveRequest(video, 0.0, seconds, 30, "full_body")
    began = time.perf_counter()
    if what == "landmarks":
        find_landmarks(request, lambda _share, _text: None)
    else:
        command = BlenderCommand(blender, is_python=True)
        solve_to_files(request, command, lambda _share, _text: None, fbx_path=video.with_suffix(".fbx"))
    own, child = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall": time.perf_counter() - began,
        "own": own.ru_utime + own.ru_stime,
        "blender": child.ru_utime + child.ru_stime,
        "memory": max(own.ru_maxrss, child.ru_maxrss) / 1024,
    }


def report(source: Path, lengths: list[float], blender: Path) -> None:
    """Print the table for clips of these lengths, in seconds."""
    print("\n| seconds | landmarks alone, s | whole job, s | of it FBX, s | ratio | memory MiB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for seconds in lengths:
        with tempfile.TemporaryDirectory() as folder:
            video = Path(folder) / "clip.mp4"
            repeated(source, video, seconds)
            measured = {}
            for what in ("landmarks", "job"):
                command = [sys.executable, __file__, what, str(video), str(seconds), str(blender)]
                done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20 * seconds + 300)
                measured[what] = json.loads(done.stdout.splitlines()[-1])
        alone, job = measured["landmarks"], measured["job"]
        whole = job["own"] + job["blender"]
        print(
            f"| {seconds:g} | {alone['own']:.1f} | {whole:.1f} | {job['blender']:.1f} | "
            f"{whole / alone['own']:.2f} | {job['memory']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    print(json.dumps(work(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))))
