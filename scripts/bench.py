# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the project on this machine and prints tables.

    .venv/dev/bin/python scripts/bench.py service      polls of the local service under load
    .venv/dev/bin/python scripts/bench.py transfer     an upload beside curl's
    .venv/dev/bin/python scripts/bench.py retarget     binding a walk to each character, in Blender
    .venv/dev/bin/python scripts/bench.py ui           what the add-on costs Blender's main thread, in a real window
    .venv/dev/bin/python scripts/bench.py g1           human motion to the Unitree G1, against mink
    .venv/dev/bin/python scripts/bench.py solver       video to motion, against the truth of rendered clips
    .venv/dev/bin/python scripts/bench.py startup      what the extension adds to Blender's start

Figures measured once are in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from scripts import environments  # noqa: E402
from scripts.benchmarks import startup as startup_benchmark  # noqa: E402
from scripts.benchmarks import transfer as transfer_benchmark  # noqa: E402
from scripts.service_process import ServiceProcess, create_key, running_service, service_python  # noqa: E402

BLENDERS = {"4.2": environments.BPY_42, "4.5": environments.BPY_45, "5.2": environments.BPY_52}
SOLVER = "tests.local_service.small_solver"
JOBS = "/api/v1/mocap/jobs"
JOBS_PER_KEY = 10


@dataclass(frozen=True)
class Load:
    """What a load came to: requests per second, latencies in seconds."""

    name: str
    rate: float
    latencies: list[float]
    rss_mib: float

    def percentile(self, percent: int) -> float:
        """Return a percentile of the latencies in seconds."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1]


async def _poll(host: str, port: int, request: bytes, until: float, latencies: list[float]) -> None:
    """Send a request again and again over one connection; a bare client, so that it costs little itself."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        while (began := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                raise AssertionError(head.decode(errors="replace"))
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            latencies.append(time.perf_counter() - began)
    finally:
        writer.close()


async def _load(url: str, requests: Sequence[tuple[str, str]], seconds: float) -> list[float]:
    parts, latencies = urlsplit(url), []
    host, port = parts.hostname or "", parts.port or 80
    until = time.perf_counter() + seconds
    pollers = [
        _poll(host, port, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n".encode(), until, latencies)
        for path, header in requests
    ]
    await asyncio.gather(*pollers)
    return latencies


def measure(name: str, url: str, pid: int, requests: Sequence[tuple[str, str]], seconds: float) -> Load:
    """Let every (path, header) be asked for at the same time, again and again."""
    latencies = asyncio.run(_load(url, requests, seconds))
    return Load(name, len(latencies) / seconds, latencies, _rss_mib(pid))


def _rss_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB, NaN where there is no /proc."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@contextlib.contextmanager
def bare_route() -> Iterator[tuple[str, int]]:
    """One FastAPI route that answers a constant, served as the service is; yields its URL and process id."""
    command = [service_python(), str(Path(__file__)), "bare"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait(20)


def serve_bare_route() -> None:
    """Be the bare route's process."""
    import socket

    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def bare() -> dict[str, str]:
        return {"status": "processing"}

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)).run(sockets=[listener])


def submit_jobs(service: ServiceProcess, video: Path, count: int) -> list[tuple[str, str]]:
    """Send jobs that stay at work, `JOBS_PER_KEY` of each key; returns the (path, header) of their polls."""
    import httpx

    keys = [create_key(service.data) for _ in range(-(-count // JOBS_PER_KEY))]
    content = video.read_bytes()

    def submit(number: int) -> tuple[str, str]:
        header = f"Bearer {keys[number // JOBS_PER_KEY]}"
        body = {"sourceFilename": "endless.mp4", "targetIds": ["default"]}
        created = http.post(f"{service.url}{JOBS}", json=body, headers={"Authorization": header}).json()["data"]
        http.put(created["uploadUrl"], content=content, headers={"Content-Type": "video/mp4"}).raise_for_status()
        path = f"{JOBS}/{created['jobId']}"
        http.post(f"{service.url}{path}/complete-upload", headers={"Authorization": header}).raise_for_status()
        return path, f"Authorization: {header}"

    with httpx.Client(timeout=60, trust_env=False) as http, ThreadPoolExecutor(8) as pool:
        return list(pool.map(submit, range(count)))


def bench_service(pollers: int, seconds: float, rounds: int) -> None:
    """Poll the service and a bare route in turns and print what both came to."""
    loads: list[Load] = []
    with tempfile.TemporaryDirectory() as temporary, bare_route() as (bare_url, bare_pid):
        data, video = Path(temporary) / "data", ROOT / "tests/data/clips/empty_room.mp4"
        with running_service(data, module=SOLVER) as service:
            polls = submit_jobs(service, video, pollers)
            for _ in range(rounds):
                loads.append(measure("bare route", bare_url, bare_pid, [("/", "Accept: */*")] * pollers, seconds))
                loads.append(measure("poll", service.url, service.process.pid, polls, seconds))
    print_machine()
    print(f"{pollers} concurrent pollers, each of a job of its own; {rounds} x {seconds:g} s in turns\n")
    print("| | requests/s | p50 | p99 | memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    rates = []
    for name in ("bare route", "poll"):
        same = [load for load in loads if load.name == name]
        merged = Load(
            name,
            statistics.median(load.rate for load in same),
            [latency for load in same for latency in load.latencies],
            same[-1].rss_mib,
        )
        rates.append(merged.rate)
        print(
            f"| {name} | {merged.rate:.0f} | {merged.percentile(50) * 1000:.0f} ms | "
            f"{merged.percentile(99) * 1000:.0f} ms | {merged.rss_mib:.0f} MiB |"
        )
    print(f"\nPolling reaches {rates[1] / rates[0]:.0%} of the bare route's rate.")


def print_machine() -> None:
    """Print what the figures were measured on."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}{load}")


def built_extension() -> Path:
    """Build the extension for this platform and return its zip."""
    build = [sys.executable, str(ROOT / "scripts" / "build.py"), "--here"]
    done = subprocess.run(build, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip().splitlines()[-1].rpartition(" (")[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    service = commands.add_parser("service", help="polls of the local service under load")
    service.add_argument("--pollers", type=int, default=200, help="connections at the same time")
    service.add_argument("--seconds", type=float, default=3.0, help="length of one round")
    service.add_argument("--rounds", type=int, default=3, help="rounds of each")
    retarget = commands.add_parser("retarget", help="binding a walk to each character, in Blender")
    retarget.add_argument("--blender", choices=sorted(BLENDERS), default="4.5", help="the version to measure in")
    retarget.add_argument(
        "parts", nargs="*", metavar="quality|captured|cost|import", help="what to measure, else everything"
    )
    transfer = commands.add_parser("transfer", help="an upload beside curl's")
    transfer.add_argument("--gigabytes", type=float, default=0.5, help="size of the video")
    transfer.add_argument("--rounds", type=int, default=3, help="uploads of each")
    interface = commands.add_parser("ui", help="what the add-on costs Blender's main thread, in a real window")
    interface.add_argument("--suite", default="trixie", help="the Debian whose Blender is used")
    interface.add_argument("--blender", type=Path, help="program of an installed Blender")
    interface.add_argument("--rounds", type=int, default=7, help="starts of each")
    commands.add_parser("g1", help="human motion to the Unitree G1, against mink")
    solver = commands.add_parser("solver", help="video to motion, against the truth of rendered clips")
    solver.add_argument("groups", nargs="*", metavar="tuning|reporting", help="which clips, else all")
    solver.add_argument(
        "--lengths",
        type=float,
        nargs="*",
        default=[20.0],
        metavar="SECONDS",
        help="clips to measure time and memory with (600 for ten minutes)",
    )
    startup = commands.add_parser("startup", help="what the extension adds to Blender's start")
    startup.add_argument("--version", choices=sorted(BLENDERS), default="4.5", help="the bpy module to measure in")
    startup.add_argument("--blender", default="", metavar="PATH", help="a Blender program instead")
    startup.add_argument("--zip", type=Path, default=None, help="the built extension; without it, it is built")
    startup.add_argument("--rounds", type=int, default=10, help="starts of each")
    commands.add_parser("bare")
    return parser


def _script(environment: environments.Environment, name: str, *arguments: str) -> int:
    """Run a script of `scripts/benchmarks` in an environment; returns its exit status."""
    python = environments.ensure(environment)
    print_machine()
    sys.stdout.flush()
    return subprocess.run([str(python), str(ROOT / "scripts" / "benchmarks" / name), *arguments]).returncode


def _run(options: argparse.Namespace) -> int:
    status = 0
    match options.command:
        case "bare":
            serve_bare_route()
        case "retarget":
            status = _script(BLENDERS[options.blender], "retarget.py", *options.parts)
        case "transfer":
            print_machine()
            status = transfer_benchmark.bench(options.gigabytes, options.rounds)
        case "ui":
            sys.path.insert(0, str(ROOT / "scripts"))  # where the modules of the window tests find each other
            from scripts.benchmarks import ui as ui_benchmark

            print_machine()
            status = ui_benchmark.bench(options.blender, options.suite, options.rounds)
        case "g1":
            status = _script(environments.dev(), "g1.py")
        case "solver":
            lengths = [f"{length:g}" for length in options.lengths]
            status = _script(environments.dev(), "solver.py", *options.groups, "--lengths", *lengths)
        case "startup":
            extension = options.zip or built_extension()
            python = str(environments.ensure(BLENDERS[options.version]))
            print_machine()
            status = startup_benchmark.bench(python, options.blender, extension, options.rounds)
        case _:
            bench_service(options.pollers, options.seconds, options.rounds)
    return status


def main() -> int:
    """Run one benchmark."""
    return _run(_parser().parse_args())


if __name__ == "__main__":
    sys.exit(main())
