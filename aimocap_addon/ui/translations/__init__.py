# SPDX-License-Identifier: GPL-3.0-or-later
"""What the interface says, in the language that Blender's preferences choose.

Blender translates by itself what it is given as it stands: names, tooltips and enum items, the constant `text` of
layout calls, constant reports. For the rest there are two ways:

- A label with something filled in is made of a template: `phrase("Captures ({count})", count=3)`.
- Errors and reports are whole sentences in English, also in records, logs and on the terminal. Where they are shown
  they go through `told`, which finds by the table of the language which sentence it is.

The tables (`zh_hans.py`) have the English text as key, with "{}" for what a sentence fills in, and serve for all
contexts. A name that means something else in Blender's own tables, which come first, gets `CONTEXT` as its
`translation_context`. `tests/blender/test_words.py` says what is missing in them, or needed no more.
"""

from __future__ import annotations

import functools
from typing import Any

import bpy

from . import zh_hans
from .sentences import translated

# https://projects.blender.org/blender/blender-manual-translations: up to 4.0 simplified Chinese was zh_CN.
TABLES = {"zh_HANS": zh_hans.TABLE, "zh_CN": zh_hans.TABLE}
CONTEXT = "AIMoCap"
_CONTEXTS = (CONTEXT, bpy.app.translations.contexts.default, bpy.app.translations.contexts.operator_default)


def register() -> None:
    """Give Blender the tables."""
    messages: Any = {
        language: {(context, text): table[text] for context in _CONTEXTS for text in table}
        for language, table in TABLES.items()
    }
    bpy.app.translations.register(__package__, messages)


def unregister() -> None:
    """Take the tables back."""
    bpy.app.translations.unregister(__package__)


def phrase(template: str, **values: object) -> str:
    """Return the template in the interface's language, with the values filled in as `str.format` does."""
    text: Any = bpy.app.translations.pgettext_iface(template, CONTEXT)
    return text.format(**values)


def told(sentence: object) -> str:
    """Return a sentence, an error or several of them in the interface's language, as far as its table has them."""
    locale = bpy.app.translations.locale
    if locale not in TABLES or not bpy.context.preferences.view.use_translate_interface:
        return str(sentence)
    return _told(str(sentence), locale)


@functools.lru_cache(maxsize=512)
def _told(text: str, locale: str) -> str:
    return translated(text, TABLES[locale])
