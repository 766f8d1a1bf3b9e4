# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the interface: tooltips on everything, one way of writing them, and every one of them translated."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

import pytest
from interface_words import Shown, Text, registered_texts, source_texts

from aimocap_addon import ui
from aimocap_addon.motion import mapping_table, roles
from aimocap_addon.ui.panel_text import wrapped
from aimocap_addon.ui.translations import zh_hans
from aimocap_addon.ui.translations.sentences import translated

TABLE = zh_hans.TABLE
# Names of things that no language has other words for.
_UNTRANSLATED = re.compile(r"AIMoCap|JSON|CSV|FK|IK|1:1|\d+ fps")
# Names of data in the file, what other programs say or want to be told.
_NOT_SAID = {
    "AIMoCap {}", "AIMoCap {} G1", "{} Preview", "AIMoCap: {}", "AIMoCap local service listening on", "{}, Python {}",
    "AIMoCap API key for {}", "add-generic-password -U -s \"{}\" -a \"{}\" -w \"{}\"",
    'A layout of 23 joints is "{}" or "{}", not "{}".', "not a capture record: {}", "not a web address",
    "not a host name",
}  # fmt: skip
_SMALL = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "most", "of", "on", "or", "the", "to",
          "with", "be", "may", "fps", "motors"}  # fmt: skip


def parts() -> set[str]:
    """Return the parts of the body, as the table of the mapping names them and as a list of missing ones does."""
    rows = {row.words for row in mapping_table.rows()} | {side.title() for side in roles.SIDES}
    return rows | set(roles.missing_words(roles.CORE)) | {roles.role_words(role) for role in roles.CORE}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    ui.register()
    yield
    ui.unregister()


@pytest.fixture(scope="module")
def shown(registered: None) -> list[Shown]:
    found = list(registered_texts())
    assert len(found) > 200
    return found


@pytest.fixture(scope="module")
def written() -> list[Text]:
    found = [each for each in source_texts() if each.text not in _NOT_SAID]
    assert sum(each.is_shown for each in found) > 300
    return found


def test_everything_has_a_name_and_a_tooltip(shown: list[Shown]) -> None:
    assert [f"{each.where}: {'name' if each.is_name else 'tooltip'}" for each in shown if not each.text] == []


def test_tooltips_are_sentences_without_a_full_stop(shown: list[Shown]) -> None:
    tooltips = [each for each in shown if not each.is_name]
    wrong = [
        each for each in tooltips if not re.match(r"[A-Z0-9“]|robot_motion_json", each.text) or each.text[-1] in ".:;,"
    ]
    assert wrong == []


def test_names_are_in_title_case(shown: list[Shown]) -> None:
    def is_title(name: str) -> bool:
        words = re.findall(r"[A-Za-z][\w'-]*", name)
        return all(word[0].isupper() or word in _SMALL for word in words)

    assert [each for each in shown if each.is_name and not is_title(each.text)] == []


def test_everything_said_is_translated(shown: list[Shown], written: list[Text]) -> None:
    texts = {each.text: each.where for each in shown} | {each.text: each.where for each in written if each.is_shown}
    missing = {text: where for text, where in texts.items() if text not in TABLE and not _UNTRANSLATED.fullmatch(text)}
    assert missing == {}


def test_parts_of_the_body_are_translated() -> None:
    assert {text for text in parts() if translated(text, TABLE) == text} == set()


def test_nothing_is_translated_that_nobody_says(shown: list[Shown], written: list[Text]) -> None:
    said = {each.text for each in (*shown, *written)} | {re.sub(r"\d+", "{}", text) for text in parts()}
    assert set(TABLE) - said == set()


def test_translations_fill_in_what_the_text_fills_in() -> None:
    def fields(text: str) -> list[tuple[str, str]]:
        found = [(name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name is not None]
        numbered = [str(number) if name == "" else name for number, (name, _) in enumerate(found)]
        return sorted(zip(numbered, (spec or "" for _, spec in found), strict=True))

    wrong = {text: other for text, other in TABLE.items() if fields(text) != fields(other)}
    assert wrong == {}


FINISHED = {
    "“Rig” moves as captured from “clip.mp4”, frames 1 to 120.": "“Rig” 已获得从“clip.mp4”捕捉的运动，第 1 至 120 帧。",
    # one after the other, among them a name that looks like an end of a sentence
    "“My clip. Take 2” is captured. The service delivered no file for unitree_g1.": (
        "“My clip. Take 2”已捕捉完成。服务没有交付 unitree_g1 的文件。"
    ),
    # a clause within
    "“a.fbx” cannot be read because it is an ASCII file: export or download it again.": (
        "无法读取“a.fbx”，因为它是 ASCII 文件：请重新导出或下载。"
    ),
    # sentences within
    "“G1” moves beyond what the robot can do: 1 joint goes beyond the limits, most of all the left knee by 12.5° at "
    "frame 3. 2 joints go faster than the motors allow, most of all the left knee by 9.0°/s at frame 4. Change the "
    "keys, or let the export clamp them.": (
        "“G1”的运动超出机器人的能力：1 个关节超出限制，其中 the left knee 最多，为 12.5°，在第 3 帧。2 个关节"
        "超过电机允许的速度，其中 the left knee 最多，为 9.0°/秒，在第 4 帧。请更改关键帧，或在导出时钳制。"
    ),
    # lists, and an order of its own
    "Without left hand, spine": "缺少 左手、脊柱",
    "“strip” lies in channel 3 of the sequencer of “Scene”. Mute or delete it before you render.": (
        "“strip”位于“Scene”的序列编辑器的通道 3。渲染前请将其静音或删除。"
    ),
    # a name stays as it is, even one that is a word of the interface
    "“Character” is in Edit Mode: leave Edit Mode first.": "“Character”处于编辑模式：请先退出编辑模式。",
    "Online access is off: allow it in Preferences > System > Network, or use the local service.": (
        "联机访问已关闭：请在 偏好设置 > 系统 > 网络 中允许，或使用本地服务。"
    ),
    "5 min ago": "5 分钟前",
    # what the table does not have
    "Something else happened. The transfer was stopped.": "Something else happened. 传输已停止。",
    "Frobnicated.": "Frobnicated.",
}


@pytest.mark.parametrize("sentence", FINISHED)
def test_finished_sentences_are_told_in_another_language(sentence: str) -> None:
    assert translated(sentence, TABLE) == FINISHED[sentence]


def test_every_sentence_is_found_again_when_it_is_filled_in() -> None:
    lost = {}
    for template in TABLE:
        if "{}" in template:
            names = iter(f"x{number}x" for number in range(9))
            filled = re.sub(r"\{\}", lambda _: next(names), template)  # noqa: B023 - used at once
            found = translated(filled, TABLE)
            values = [f"x{number}x" for number in range(template.count("{}"))]
            if found != TABLE[template].format(*values):
                lost[filled] = found
    assert lost == {}


def test_chinese_sentences_are_broken_into_lines_that_fit() -> None:
    sentence = "没有“http://127.0.0.1:8765”的 API 密钥：请在“AIMoCap”面板中启动本地服务，或在插件的偏好设置中设置密钥。"
    lines = wrapped(sentence, 24)
    assert len(lines) > 3
    assert "".join(lines).replace(" ", "") == sentence.replace(" ", "")
    assert all(sum(1 + (ord(each) > 0x2E80) for each in line) <= 24 for line in lines if "http" not in line)
    assert not [line for line in lines if line[0] in "，。：”" or line[-1] == "“"]
