# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimocap_addon.motion.rotations import Array
from aimocap_addon.motion.series import evened, raised


@st.composite
def series(draw: st.DrawFn) -> tuple[Array, Array, np.ndarray]:
    """Values (F), allowed steps (F-1), firm frames (F)."""
    count = draw(st.integers(1, 40))
    values = draw(st.lists(st.floats(-10.0, 10.0), min_size=count, max_size=count))
    steps = draw(st.lists(st.floats(0.01, 3.0), min_size=count - 1, max_size=count - 1))
    firm = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return np.array(values), np.array(steps), np.array(firm)


@given(series())
def test_no_step_is_larger_than_allowed(made: tuple) -> None:
    values, steps, firm = made
    for result in (raised(values, steps), evened(values, steps, firm)):
        assert (np.abs(np.diff(result)) <= steps + 1e-9).all()


@given(series())
def test_raised_is_the_lowest_that_stays_above(made: tuple) -> None:
    values, steps, _ = made
    result = raised(values, steps)
    assert (result >= values - 1e-9).all()
    way = np.concatenate(((0.0,), np.cumsum(steps)))
    for frame, value in enumerate(result):  # some value needs it to be as high as it is
        assert (values - np.abs(way - way[frame])).max() == pytest.approx(value, abs=1e-9)


@given(series())
def test_values_that_can_stay_do(made: tuple) -> None:
    values, steps, firm = made
    walkable = np.concatenate((values[:1], values[0] + np.cumsum(np.clip(np.diff(values), -steps, steps))))
    assert evened(walkable, steps, firm) == pytest.approx(walkable, abs=1e-9)


@given(series())
def test_firm_values_stay_whatever_the_others_are(made: tuple) -> None:
    values, steps, firm = made
    walkable = np.concatenate((values[:1], values[0] + np.cumsum(np.clip(np.diff(values), -steps, steps))))
    mixed = np.where(firm, walkable, values)
    assert evened(mixed, steps, firm)[firm] == pytest.approx(walkable[firm], abs=1e-9)
