# SPDX-License-Identifier: GPL-3.0-or-later
"""Links in the documents lead somewhere, and what they quote of the program is what it says."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from aimocap_addon.jobs.batch import EXIT_CODES
from aimocap_addon.jobs.record import TRANSITIONS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]

_CODE = re.compile(r"^```.*?^```$|^(?: {4}|\t)[^\n]*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_FEWEST_LETTERS = 15  # of a text of the program that are not filled in; shorter ones would fit anything


def prose(path: Path) -> str:
    """Return a document without its code."""
    return _CODE.sub("", path.read_text(encoding="utf-8"))


@cache
def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(name if name not in found else f"{name}-1")
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_to_files_and_headings(document: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (document.parent / unquote(place)).resolve() if place else document
        is_there = target.exists() and ROOT in (target, *target.parents)
        if not is_there or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_document_and_picture_is_linked() -> None:
    linked = set()
    for document in DOCUMENTS:
        for link in _LINK.findall(prose(document)):
            if not re.match(r"[a-z]+:", link):
                linked.add((document.parent / link.partition("#")[0]).resolve())
    alone = [path.name for pattern in ("docs/*.md", "docs/*.png") for path in ROOT.glob(pattern) if path not in linked]
    assert alone == []


@cache
def said() -> tuple[re.Pattern[str], ...]:
    """Return every text of the add-on, with anything where it fills something in."""
    texts = []
    for path in sorted((ROOT / "aimocap_addon").rglob("*.py")):
        if "translations" not in path.parts:
            texts += _texts(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(texts)


def _texts(tree: ast.AST) -> list[re.Pattern[str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(each.value) if isinstance(each, ast.Constant) else None for each in node.values]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            pieces = re.split(r"\{\w+\}", node.value)  # what str.format fills in
            parts = [part for piece in pieces for part in (piece, None)][:-1]
        else:
            continue
        if sum(len(part) for part in parts if part) >= _FEWEST_LETTERS:
            found.append(re.compile("".join(".+?" if part is None else re.escape(part) for part in parts)))
    return found


def quoted(document: Path) -> list[str]:
    """Return the first column of the table of what Blender says."""
    text = document.read_text(encoding="utf-8")
    table = text[text.index("| Blender says |") :].split("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


@pytest.mark.parametrize("name", ["README.md", "docs/user-guide.md"])
def test_sentences_of_the_troubleshooting_tables_are_those_of_the_program(name: str) -> None:
    sentences = quoted(ROOT / name)
    assert len(sentences) >= 5
    assert [each for each in sentences if not any(text.fullmatch(each) for text in said())] == []


def test_a_sentence_that_the_program_does_not_say_is_noticed() -> None:
    for invented in ("No service answers there: start it.", "“Hero” is in Edit Mode: press Tab first."):
        assert not any(text.fullmatch(invented) for text in said())


def test_labels_in_the_user_guide_are_those_of_the_interface() -> None:
    """What stands in italics is a label of the add-on or of Blender itself; these are the add-on's most used."""
    guide = prose(ROOT / "docs" / "user-guide.md")
    labels = (
        "Capture Motion", "Capture from Video File", "Set Up Local Service", "Start Local Service", "Edit Mapping",
        "Auto-Map", "Mirror Left to Right", "Use Mapping", "Watch Progress", "Show Preview Video", "Copy Diagnostics",
        "Bind Motion", "Import Capture", "Import Robot Motion", "Export Robot Motion", "Retarget to G1",
        "Key Reduction", "Lock Feet", "Root Motion", "Layer on Top", "Push Down to NLA", "Keep in File",
        "Also to Selected", "Allow Sending Videos", "Match Scene", "Move Key to System Keyring", "Wait at Most (Hours)",
    )  # fmt: skip
    missing = [label for label in labels if label not in " ".join(guide.split())]
    wrong = [label for label in labels if label not in _constants()]
    assert (missing, wrong) == ([], [])


@cache
def _constants() -> set[str]:
    """Return every text in the code of the interface."""
    return {
        node.value
        for path in (ROOT / "aimocap_addon" / "ui").rglob("*.py")
        if "translations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def rows_of(document: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading."""
    text = (ROOT / document).read_text(encoding="utf-8")
    table = text[text.index(f"{heading}\n") :].split("| --- |", 1)[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def test_states_in_the_architecture_guide_are_those_of_the_engine() -> None:
    told = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows_of("docs/architecture.md", "### States")
    }
    assert told == {str(stage): {str(each) for each in following} for stage, following in TRANSITIONS.items()}


def test_rooms_in_the_architecture_guide_import_what_the_contracts_allow() -> None:
    rows = rows_of("docs/architecture.md", "## Rooms")
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows}  # not single modules of a room
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    allowed = {room: set(told) for room in told}
    for contract in contracts:
        together = contract.get("modules", [])
        for source in _rooms(contract.get("source_modules", together)):
            allowed[source] -= _rooms(contract.get("forbidden_modules", together)) - {source}
    assert told == allowed


def _rooms(modules: list[str]) -> set[str]:
    return {name.removeprefix("aimocap_addon.") for name in modules if name.count(".") == 1}


def test_exit_codes_of_a_batch_are_as_told() -> None:
    told = [row[0] for row in rows_of("docs/scripting.md", "## From a terminal")]
    assert set(told) == {"2", *(str(code) for code in EXIT_CODES.values())}
