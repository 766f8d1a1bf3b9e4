# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding out which template a finished sentence was made of, and saying it by the template of another language.

No bpy here. A template has "{}" where something is filled in; between “ and ” that is a name, which stays as it is,
elsewhere it is translated in turn, being perhaps a clause or a list. A translation may say "{1}" to change the order.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

_GAP = "{}"
_ENDS = re.compile(r"(?<=[.!?]) (?=[A-Z0-9“])")  # where one sentence ends and the next begins
_NAME = "([^“”]+)"
_INSIDE = r"((?:(?![.!?] [A-Z0-9“]).)+?)"  # not beyond the end of a sentence
_ANYTHING = "(.+?)"
_LISTED = ", "


def translated(text: str, table: Mapping[str, str]) -> str:
    """Return the text by a table of templates; what is not in there stays in English."""
    found = _as_one(text, table)
    if found is not None:
        return found
    parts = _ENDS.split(text)
    result = ""
    while parts:
        for count in range(len(parts), 0, -1):  # a name may look like the end of a sentence
            found = _as_one(" ".join(parts[:count]), table)
            if found is not None:
                break
        else:
            count, found = 1, parts[0]
        result += found if not result or result.endswith(("。", "？", "！")) else f" {found}"
        parts = parts[count:]
    return result


def _as_one(text: str, table: Mapping[str, str]) -> str | None:
    """Return the text if it is one entry of the table, None otherwise."""
    if text in table:
        return table[text]
    for strict in (True, False):
        for pattern, template, is_name in _patterns(tuple(each for each in table if _GAP in each), strict):
            match = pattern.fullmatch(text)
            if match is not None:
                values = zip(match.groups(), is_name, strict=True)
                return table[template].format(*(each if name else _clause(each, table) for each, name in values))
    return None


def _clause(text: str, table: Mapping[str, str]) -> str:
    text = text.strip()
    found = translated(text, table)
    if found != text or _LISTED not in text:
        return found
    return "、".join(translated(each, table) for each in text.split(_LISTED))


@functools.lru_cache(maxsize=8)
def _patterns(templates: tuple[str, ...], strict: bool) -> list[tuple[re.Pattern[str], str, list[bool]]]:
    """Return for each template its pattern and which gaps are names; those that say most come first."""
    result = []
    for template in sorted(templates, key=lambda each: -len(each.replace(_GAP, ""))):
        pieces = template.split(_GAP)
        is_name = [before.endswith("“") for before in pieces[:-1]]
        pattern = re.escape(pieces[0])
        for name, after in zip(is_name, pieces[1:], strict=True):
            is_inside = strict and after
            pattern += (_NAME if name else _INSIDE if is_inside else _ANYTHING) + re.escape(after)
        result.append((re.compile(pattern, re.DOTALL), template, is_name))
    return result
