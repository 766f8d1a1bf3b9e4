# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian in a folder of its own with a windowed Blender in it, for machines that have none.

Standard library only: this file runs under whatever Python starts the scripts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environments import ROOT, VENV_ROOT

# numpy and cattr are not among the packages that Debian's Blender depends on, yet its add-ons import them.
_PACKAGES = "blender xvfb libgl1-mesa-dri fonts-dejavu-core fonts-noto-cjk python3-numpy python3-cattr"
_READY = ".ready"
_MAKING_SEC = 1200
PROJECT = Path("/project")  # where this project is seen in there
JOB = Path("/job")  # and the folder of the test that runs

# Mounts and processes are in namespaces of their own, so that nothing of them is left when the command ends.
_ENTER = """
root=$1; project=$2; job=$3; shift 3
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm" "$root/project" "$root/job"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$project" "$root/project"
mount -o remount,bind,ro "$root/project"
mount --bind "$job" "$root/job"
exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
"""


class RootError(Exception):
    """The root cannot be made here; the message is one sentence."""


@dataclass(frozen=True)
class Suite:
    """A Debian release and the Python of its Blender."""

    name: str
    blender: str
    python: str


TRIXIE = Suite("trixie", "4.3.2", "3.13")
SID = Suite("sid", "5.2 or newer", "3.14")
SUITES = {suite.name: suite for suite in (TRIXIE, SID)}


@dataclass(frozen=True)
class DebianRoot:
    """A root that is ready."""

    folder: Path
    suite: Suite

    def command(self, job: Path, arguments: Sequence[str]) -> list[str]:
        """Return the command that runs `arguments` in the root, with the folder `job` seen as /job."""
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private"]
        places = [str(self.folder), str(ROOT), str(job)]
        return [*unshare, "sh", "-e", "-c", _ENTER, "enter", *places, *arguments]


def obstacle() -> str:
    """Return why no root can be made on this machine, as a sentence; "" if one can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "A Debian root can only be made by root: give a windowed Blender with --blender, or run this as root."
    for tool in ("debootstrap", "unshare", "apt-get"):
        if shutil.which(tool) is None:
            return f"{tool} is missing: install it (`apt install {tool}`), or give a windowed Blender by --blender."
    return ""


def ensure(suite: Suite) -> DebianRoot:
    """Make the root below `.venv/` unless it is there; takes one to three minutes and 1.5 GB. Raises RootError."""
    folder = VENV_ROOT.resolve() / f"window-{suite.name}"
    root = DebianRoot(folder, suite)
    stamp = folder / _READY
    if stamp.is_file() and stamp.read_text() == _PACKAGES:
        return root
    sentence = obstacle()
    if sentence:
        raise RootError(sentence)
    print(f"Making a Debian root with Blender {suite.blender} in .venv/{folder.name} ...", flush=True)
    log = VENV_ROOT.resolve() / f"{folder.name}.log"
    log.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _run(["debootstrap", "--variant=minbase", suite.name, str(folder), _mirror()], log)
    _prepare(folder, suite)
    install = "apt-get install -qy --no-install-recommends"
    script = f"export DEBIAN_FRONTEND=noninteractive; apt-get -q update && {install} {_PACKAGES} && apt-get clean"
    (folder / "job").mkdir()
    _run(root.command(folder / "job", ["sh", "-c", script]), log)
    stamp.write_text(_PACKAGES)
    return root


def _prepare(folder: Path, suite: Suite) -> None:
    (folder / "etc" / "mtab").unlink(missing_ok=True)
    (folder / "etc" / "mtab").symlink_to("/proc/self/mounts")
    # Packages are to start no service in there.
    policy = folder / "usr" / "sbin" / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    if suite is SID:  # a mirror that is kept at one day has an expired list of sid, whose signature still counts
        (folder / "etc/apt/apt.conf.d/99dated").write_text('Acquire::Check-Valid-Until "false";\n')
    shutil.copy("/etc/resolv.conf", folder / "etc" / "resolv.conf")


def _mirror() -> str:
    """Return the address that this machine's own apt has its packages from; raises RootError."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"]
    answer = subprocess.run(command, capture_output=True, text=True)
    found = [line for line in answer.stdout.split() if line.startswith("http") and "security" not in line]
    if not found:
        raise RootError(
            "apt names no mirror of Debian: add one to its sources, or give a windowed Blender by --blender."
        )
    return found[0]


def _run(command: list[str], log: Path) -> None:
    with log.open("ab") as stream:
        try:
            code = subprocess.run(command, stdout=stream, stderr=stream, timeout=_MAKING_SEC).returncode
        except subprocess.TimeoutExpired:
            code = -1
    if code != 0:
        raise RootError(f"The Debian root could not be made, is the mirror reachable? The full output is in {log}.")
