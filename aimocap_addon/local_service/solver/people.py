# SPDX-License-Identifier: GPL-3.0-or-later
"""Staying with one person where several are in view: the largest and most central one of the first that are seen.

The pose model follows whoever it was on last and may slip to somebody near. So, while others are in view, it is shown
the followed person's surroundings alone, and what is out of reach for a body within one frame counts as not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...motion.rotations import Array
from .interface import SeveralPeopleError

_LOOK_SEC = 0.4  # how often it is looked for others, which costs about as much as a pose
_CROWD_SEC = 2.0  # for which others may be hidden, after they were seen
_MOST_PEOPLE = 4
_OFF_CENTER = 0.5  # what a person at the picture's edge counts less
_ROOM = 1.3  # of a body's radius, shown to the pose model; it looks at 1.25 itself
_SPEED = 3.0  # radii a second that a body's middle may move; a sprinter's moves 8
_REACH = 0.2  # radii beside that, for the error of the model
_GROWTH = 1.5
_SAME = 0.4  # radii between the middles of two finds of one person
_LIKE = 0.4  # share of the colours of clothes; one person has 0.7 and more from frame to frame
_LEARN = 0.1  # of each frame, since light changes
_LOST_SEC = 0.5  # after which it is looked for the person again
_LOST_SHARE = 0.25
_GREY = 127
_TORSO = [11, 12, 23, 24]


@dataclass(frozen=True)
class Person:
    """Where somebody is: the middle of the hips and the radius of a circle around the whole body, in pixels."""

    x: float
    y: float
    radius: float

    def is_near(self, other: Person, seconds: float) -> bool:
        """Whether this can be the other one so many seconds later."""
        reach = (_REACH + _SPEED * min(seconds, _LOST_SEC)) * other.radius
        growth = max(self.radius / other.radius, other.radius / self.radius)
        return self.distance(other) < reach and growth < _GROWTH

    def distance(self, other: Person) -> float:
        """Return the pixels from this one's middle to the other's."""
        return float(np.hypot(self.x - other.x, self.y - other.y))

    def colors(self, picture: np.ndarray) -> Array:
        """Return the shares (64,) of colours about the chest and the belly."""
        rows = slice(max(0, int(self.y - 0.42 * self.radius)), max(1, int(self.y - 0.1 * self.radius)))
        columns = slice(max(0, int(self.x - 0.07 * self.radius)), max(1, int(self.x + 0.07 * self.radius) + 1))
        patch = picture[rows, columns].reshape(-1, 3).astype(np.intp) >> 6
        counts = np.bincount(patch @ (16, 4, 1), minlength=64).astype(np.float64)
        return counts / max(1.0, counts.sum())

    def box(self, picture: np.ndarray, breadth: float = 1.0) -> tuple[slice, slice]:
        """Return the rows and columns of a picture that surround the person, a narrower box if `breadth` is less."""
        height, width = picture.shape[:2]
        reach = _ROOM * self.radius
        rows = slice(max(0, int(self.y - reach)), min(height, int(self.y + reach) + 1))
        aside = breadth * reach
        return rows, slice(max(0, int(self.x - aside)), min(width, int(self.x + aside) + 1))


# Return (x, y, radius) in pixels of people in a picture; may overlook some beside those it finds.
Detector = Callable[[np.ndarray], list[Person]]


class Follower:
    """Finds one person's pose in picture after picture, with a pose model and a detector of people."""

    def __init__(self, model: Any, detect: Detector) -> None:
        self._model = model
        self._detect = detect
        self._person: Person | None = None  # as it was seen last
        self._colors = np.zeros(64)
        self._seen = 0.0  # when
        self._looked = self._others_seen = -np.inf
        self._pictures = self._lost = 0
        self._met: float | None = None

    @property
    def warning(self) -> str:
        """What the person should read, or an empty text."""
        if self._met is None:
            return ""
        return f"Somebody else comes in the way at {self._met:.1f} s of the video: check who is followed from there on."

    def pose(self, seconds: float, picture: np.ndarray) -> Any | None:
        """Return the model's result for an RGB picture, None if the person is not seen in it."""
        self._pictures += 1
        if seconds - self._looked >= _LOOK_SEC:
            self._look(seconds, picture)
        if self._person is not None and seconds - self._others_seen < _CROWD_SEC:
            return self._pose_among_others(self._person, seconds, picture)
        result = self._model.process(picture)
        if result.pose_landmarks is None:
            return None
        self._remember(_person_of(result, picture), seconds, picture)
        return result

    def require_one(self) -> None:
        """Raise SeveralPeopleError if the person was lost among others too often."""
        if self._lost > _LOST_SHARE * self._pictures:
            raise SeveralPeopleError(
                "Several people are in the video and it cannot be told whom to follow: use a clip, or crop it, so that "
                "one person is in view."
            )

    def _look(self, seconds: float, picture: np.ndarray) -> None:
        """See whether others are in view, and at first who is to be followed."""
        if self._person is None:
            people = all_people(self._detect, picture)
            if not people:
                return
            self._remember(_most_prominent(people, picture.shape), seconds, picture)
            others = len(people) > 1
        else:
            without = picture.copy()
            without[self._person.box(picture, 0.5)] = _GREY
            others = any(each.distance(self._person) > _SAME * self._person.radius for each in self._detect(without))
        self._looked = seconds
        if others:
            self._others_seen = seconds

    def _remember(self, person: Person, seconds: float, picture: np.ndarray) -> None:
        colors = person.colors(picture)
        self._colors = colors if self._person is None else (1.0 - _LEARN) * self._colors + _LEARN * colors
        self._person, self._seen = person, seconds

    def _is_same(self, person: Person, last: Person, seconds: float, picture: np.ndarray) -> bool:
        like = float(np.minimum(person.colors(picture), self._colors).sum())
        return like > _LIKE and person.is_near(last, seconds - self._seen)

    def _pose_among_others(self, last: Person, seconds: float, picture: np.ndarray) -> Any | None:
        shown = last
        if seconds - self._seen > _LOST_SEC:
            same = [each for each in all_people(self._detect, picture) if self._is_same(each, last, seconds, picture)]
            shown = min(same, key=last.distance, default=last)
        box = shown.box(picture)
        alone = np.full_like(picture, _GREY)
        alone[box] = picture[box]
        result = self._model.process(alone)
        if result.pose_landmarks is not None:
            person = _person_of(result, picture)
            if self._is_same(person, last, seconds, picture):
                self._remember(person, seconds, picture)
                return result
            self._model.reset()
        self._lost += 1
        self._met = seconds if self._met is None else self._met
        return None


def all_people(detect: Detector, picture: np.ndarray) -> list[Person]:
    """Return the people in a picture, having looked again without those who were found."""
    people: list[Person] = []
    rest = picture
    while len(people) < _MOST_PEOPLE:
        found = [each for each in detect(rest) if not any(each.is_near(known, 0.0) for known in people)]
        if not found:
            break
        people += found
        rest = picture.copy()
        for person in people:
            rest[person.box(picture)] = _GREY
    return people


def _most_prominent(people: list[Person], shape: tuple[int, ...]) -> Person:
    middle = 0.5 * shape[1]

    def prominence(person: Person) -> float:
        return person.radius * (1.0 - _OFF_CENTER * min(1.0, abs(person.x - middle) / middle))

    return max(people, key=prominence)


def _person_of(result: Any, picture: np.ndarray) -> Person:
    height, width = picture.shape[:2]
    points = np.array([(p.x, p.y) for p in result.pose_landmarks.landmark]) * (width, height)
    hips = points[23:25].mean(axis=0)
    # A torso is about a third of a body; from the side its height tells, from above its width.
    torso = np.hypot(*np.ptp(points[_TORSO], axis=0))
    reach: Array = np.linalg.norm(points - hips, axis=1)
    return Person(float(hips[0]), float(hips[1]), float(max(reach.max(), 1.5 * torso, 1.0)))
