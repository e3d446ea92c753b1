"""Whether a series of measurements grows, in spite of its noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# The part of a soak in which pools fill and the runtimes warm up; what grows then may.
WARM_UP = 1 / 3


class Limit(NamedTuple):
    """How much a figure may grow over a soak's measured part.

    Attributes:
        share: of its own level.
        least: in its own unit; less than this is never growth.
    """

    share: float
    least: float


class Trend(NamedTuple):
    """What a series comes to.

    Attributes:
        level: the median.
        growth: from the measured part's begin to its end, along the median slope.
        allowed: the growth up to which it counts as none.
    """

    level: float
    growth: float
    allowed: float

    @property
    def grows(self) -> bool:
        """Say whether it grows."""
        return self.growth > self.allowed


def of(times: Sequence[float], values: Sequence[float], limit: Limit) -> Trend:
    """Return a series' trend after its warm-up.

    The slope is Theil and Sen's, the median of the slopes between all pairs: a garbage collection
    or a slow second moves it little, and up to 29 % of outliers cannot turn it.

    Args:
        times: seconds, ascending.
        values: one for each of `times`.
        limit: how much it may grow.
    """
    whole = np.asarray(times, dtype=float)
    measured = whole >= whole[0] + WARM_UP * (whole[-1] - whole[0])
    at, figures = whole[measured], np.asarray(values, dtype=float)[measured]
    earlier, later = np.triu_indices(len(at), 1)
    slope = float(np.median((figures[later] - figures[earlier]) / (at[later] - at[earlier])))
    level = float(np.median(figures))
    return Trend(level, slope * (at[-1] - at[0]), max(limit.share * level, limit.least))
