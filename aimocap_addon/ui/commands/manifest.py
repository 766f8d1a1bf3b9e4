# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a batch: a CSV file with one capture a row, read and checked as a whole."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .arguments import add_capture_arguments

_SHORT_NAMES = {"in": "trim_start", "out": "trim_end", "output": "save"}
_FLAGS = {"no_foot_lock", "mirror"}
_PATHS = {"video", "blend", "save"}
_YES, _NO = {"yes", "true", "1"}, {"no", "false", "0"}


class ManifestError(Exception):
    """The manifest cannot be used; `sentences` say why, one for each row that is wrong."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__(" ".join(self.sentences))


@dataclass(frozen=True)
class Row:
    """One capture: its number, counted from 1 below the header, and the arguments of `aimocap capture`."""

    number: int
    arguments: argparse.Namespace

    @property
    def video(self) -> Path:
        return Path(self.arguments.video)

    @property
    def blend(self) -> str:
        """The file that holds the character, empty for none."""
        return self.arguments.blend

    @property
    def output(self) -> Path:
        return Path(self.arguments.save)


class _RowParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def read_manifest(path: Path, *, consent: bool) -> list[Row]:
    """Read the CSV; relative paths count from its folder. Raises ManifestError."""
    parser = _RowParser(add_help=False, allow_abbrev=False)
    add_capture_arguments(parser)
    columns = {action.dest for action in parser._actions} | set(_SHORT_NAMES)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_header(path, reader.fieldnames or (), columns)
            table = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError([f"{path} cannot be read as a CSV file ({error}): check the path."]) from error
    if not table:
        raise ManifestError([f"{path.name} has no rows: write one for each video below the header."])
    rows, sentences = [], []
    for number, values in enumerate(table, start=1):
        try:
            arguments = parser.parse_args(_words(values, path.parent), argparse.Namespace(consent=consent))
            rows.append(Row(number, arguments))
        except ValueError as error:
            sentences.append(f"Row {number} of {path.name}: {error}.")
    sentences += _clashes(rows, path.name)
    if sentences:
        raise ManifestError(sentences)
    return rows


def _check_header(path: Path, header: Iterable[str], columns: set[str]) -> None:
    """Raise ManifestError unless the columns are known, each named once, and those that a row needs among them."""
    names = [_SHORT_NAMES.get(name, name) for name in header]
    unknown = [name for name in header if name not in columns]
    if unknown or len(set(names)) < len(names) or not {"video", "save"} <= set(names):
        known = ", ".join(sorted(columns - set(_SHORT_NAMES.values())))
        raise ManifestError([f"{path.name} needs a header row with video, output and, where wanted, more of: {known}."])


def _words(values: Mapping[str | None, str | None], folder: Path) -> list[str]:
    """Return a row as the words of a command line; raises ValueError with what is wrong."""
    if None in values:
        raise ValueError("it has more fields than the header; put a text that has a comma between quotes")
    words, video = [], ""
    for column, text in values.items():
        name, value = _SHORT_NAMES.get(str(column), str(column)), (text or "").strip()
        if name in ("video", "save") and not value:
            raise ValueError(f"{column} is empty; name a file")
        if name in _PATHS and value:
            value = str(folder / value)
        if name == "video":
            video = value
        elif name in _FLAGS:
            if value.lower() not in _YES | _NO | {""}:
                raise ValueError(f"“{value}” for {column}; write yes or no")
            words += [f"--{name.replace('_', '-')}"] * (value.lower() in _YES)
        elif value:
            parts = value.split(";") if name == "armature" else [value]
            words += [f"--{name.replace('_', '-')}={part.strip()}" for part in parts]
    return [*words, "--", video]


def _clashes(rows: Iterable[Row], name: str) -> list[str]:
    """Return a sentence for each row that would write what it reads, or what another one writes."""
    sentences, writers = [], {}
    for row in rows:
        place = row.output.resolve()
        if place.suffix != ".blend":
            sentences.append(f"Row {row.number} of {name}: its output “{place.name}” has to end in .blend.")
        if row.blend and place == Path(row.blend).resolve():
            sentences.append(f"Row {row.number} of {name}: it would write over the file it reads; name another output.")
        if place in writers:
            sentences.append(
                f"Row {row.number} of {name}: row {writers[place]} has the same output; give each one its own."
            )
        writers.setdefault(place, row.number)
    return sentences
