# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever JSON a service sends, reading it ends in an answer or in an error of our own."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimocap_addon.api.answers import error_from_response, parse_poll, parse_result, read_json
from aimocap_addon.api.errors import AimocapError
from aimocap_addon.api.models import JobStatus

VALID = [
    {
        "job": {
            "id": "mocap_1",
            "status": "failed",
            "targetIds": ["default", "unitree_g1"],
            "exportFps": 30,
            "createdAt": "2026-06-21T12:00:00Z",
            "error": {"code": "api_plan_inactive", "message": "no"},
        },
        "events": [{"type": "phase", "progress": 0.5}, "text"],
        "result": None,
    },
    {
        "job": {"id": "mocap_1", "status": "completed", "completedAt": 1782043200},
        "events": [],
        "result": {"outputs": [{"targetId": "default", "fbxUrl": "/a"}], "previewVideoUrl": "/p"},
        "outputs": [{"targetId": "unitree_g1", "resultType": "robot_motion_json", "motionJsonUrl": "/g"}],
        "previewVideoUrl": "/p",
    },
    {"jobId": "mocap_1", "status": "completed", "targetId": "default", "resultType": "fbx", "fbxUrl": "/a"},
    {"data": {"error": {"code": "new_code", "message": "m"}}, "code": 7, "message": "m", "failure": {"reason": "r"}},
]
KEYS = sorted({key for body in VALID for key in (*body, *body.get("job", {}), *body.get("data", {}))})

texts = st.text() | st.sampled_from(["\ud800", "", "failed", "completed", "NaN", "api_plan_inactive", "a" * 5000])
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), float("nan"), float("inf"), 1e308])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid answer with up to four places replaced, removed or added."""
    body: Any = json.loads(json.dumps(draw(st.sampled_from(VALID))))
    for _ in range(draw(st.integers(1, 4))):
        place = body
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            if draw(st.integers(0, 4)) == 0:
                del place[key]
            else:
                place[key] = draw(values)
            break
        if isinstance(place, dict) and draw(st.booleans()):
            place[draw(st.sampled_from(KEYS))] = draw(values)
    return body


deep = st.integers(1, 3000).map(lambda depth: '{"error":' * depth + "1" + "}" * depth)
bodies = (mutated() | values).map(json.dumps) | deep
headers = st.fixed_dictionaries(
    {},
    optional={
        "Retry-After": st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
        | st.sampled_from(["9" * 500, "²", "Wed, 21 Oct 2026 07:28:00 +99999999999"]),
        "Content-Type": st.sampled_from(
            ["text/html; charset=hex", "application/json; charset=utf-16", "a/b; charset="]
        ),
    },
)
fast = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def response(status: int, body: bytes, named: dict[str, str]) -> httpx.Response:
    fields = [(name.encode(), text.encode("latin-1")) for name, text in named.items()]
    return httpx.Response(status, content=body, headers=fields)


@fast
@given(bodies, headers)
def test_reading_an_answer_raises_our_own_errors_alone(text: str, named: dict[str, str]) -> None:
    for parse in (parse_poll, parse_result):
        try:
            answer = parse(read_json(response(200, text.encode("utf-8", "surrogatepass"), named)))
        except AimocapError as error:
            assert error.user_message.endswith(".")
        else:
            assert isinstance(answer.job.status, JobStatus)
            assert 0.0 <= (getattr(answer, "progress", None) or 0.0) <= 1.0
            json.dumps(answer.model_dump(mode="json", by_alias=True)).encode()


@fast
@given(
    st.integers(300, 599),
    bodies.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(),
    headers,
    st.booleans(),
)
def test_every_error_becomes_a_sentence(status: int, body: bytes, named: dict[str, str], with_key: bool) -> None:
    error = error_from_response(response(status, body, named), with_key=with_key)
    assert error.status == status
    assert error.user_message.endswith((".", "!", "?", "…", "。"))
    assert len(error.user_message.encode()) < 2000
    assert len(error.user_message.splitlines()) == 1
    assert error.retry_after is None or error.retry_after >= 0.0
