# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a video is sent, beside curl, and how much memory that takes.

Both send the same file to the same server on loopback, in turns. The server counts the bytes of a PUT and does
nothing else, so that the client is what is measured; each client is a process of its own.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

GIGABYTE = 1000**3


@dataclass(frozen=True)
class Upload:
    """What one upload came to."""

    seconds: float
    cpu_seconds: float
    grown_mib: float  # resident memory at its highest, above what the client had before the upload


class Sink:
    """A server in a process of its own that reads PUT requests as fast as it can and answers 200."""

    def __enter__(self) -> Self:
        command = [sys.executable, str(Path(__file__)), "sink"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(20)


def serve() -> None:
    """Be the sink's process."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_swallow, args=(connection,), daemon=True).start()


def _swallow(connection: socket.socket) -> None:
    room = bytearray(1024 * 1024)
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (got := connection.recv(65536)):
                return
            head += got
        header, _, body = head.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", header)
        assert length is not None, header
        if b"100-continue" in header.lower():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        left = int(length[1]) - len(body)
        while left > 0:
            if not (count := connection.recv_into(room)):
                return
            left -= count
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def upload(url: str, video: Path) -> None:
    """Be the add-on's process: send the file as a capture does and print what that came to."""
    from aimocap_addon.api.client import AimocapClient

    with AimocapClient(url, "sk-benchmark") as client:
        before, began, cpu = _resident_mib(), time.perf_counter(), time.process_time()
        highest = [before]
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                highest[0] = max(highest[0], _resident_mib())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        client.upload(f"{url}/upload", video)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        done.set()
        watcher.join()
        print(seconds, cpu_seconds, max(highest[0], _resident_mib()) - before, flush=True)


def _resident_mib() -> float:
    """Return this process's resident memory in MiB, NaN where there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGESIZE") / 1024**2


def _by_addon(url: str, video: Path) -> Upload:
    command = [sys.executable, str(Path(__file__)), "upload", url, str(video)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Upload(*(float(word) for word in done.stdout.split()))


def _by_curl(curl: str, url: str, video: Path) -> Upload:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [curl, "-sS", "-f", "-o", os.devnull, "-w", "%{time_total}", "-H", "Expect:", "-T", str(video), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Upload(float(done.stdout), cpu, float("nan"))


def bench(gigabytes: float, rounds: int) -> int:
    """Send a file by the add-on's client and by curl, in turns, and print a table."""
    curl = shutil.which("curl")
    if curl is None:
        print("curl is not there to compare with: install it.", file=sys.stderr)
        return 1
    found: dict[str, list[Upload]] = {"add-on": [], "curl": []}
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        video = Path(folder) / "video.mp4"
        with video.open("wb") as stream:
            stream.truncate(int(gigabytes * GIGABYTE))  # sparse: reading it costs no disk
        for _ in range(rounds):
            found["add-on"].append(_by_addon(sink.url, video))
            found["curl"].append(_by_curl(curl, f"{sink.url}/upload", video))
    print(f"{gigabytes:g} GB, {rounds} rounds in turns; MB/s: median and best\n")
    print("| | MB/s | best MB/s | processor s/GB | memory grows by |")
    print("| --- | ---: | ---: | ---: | ---: |")
    rates: dict[str, list[float]] = {}
    for name, uploads in found.items():
        rates[name] = [gigabytes * 1000 / each.seconds for each in uploads]
        cpu = statistics.median(each.cpu_seconds for each in uploads) / gigabytes
        grown = max(each.grown_mib for each in uploads)
        text = "" if math.isnan(grown) else f"{grown:.1f} MiB"
        print(f"| {name} | {statistics.median(rates[name]):.0f} | {max(rates[name]):.0f} | {cpu:.2f} | {text} |")
    for word, of in (("median", statistics.median), ("best", max)):
        print(f"{word}: the add-on sends at {of(rates['add-on']) / of(rates['curl']):.2f} of curl's rate")
    return 0


def main() -> int:
    """Run the benchmark, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure")
    run.add_argument("--gigabytes", type=float, default=0.5)
    run.add_argument("--rounds", type=int, default=3)
    commands.add_parser("sink")
    client = commands.add_parser("upload")
    client.add_argument("url")
    client.add_argument("video", type=Path)
    options = parser.parse_args()
    if options.command == "sink":
        serve()
    if options.command == "upload":
        upload(options.url, options.video)
        return 0
    return bench(options.gigabytes, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
