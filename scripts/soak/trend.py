"""Detection of growth in a noisy series of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Share of a soak in which pools fill and runtimes warm up; growth in it does not count.
WARM_UP_SHARE = 1 / 3


class Limit(NamedTuple):
    """How much a figure may grow over the measured part of a soak.

    Attributes:
        share: allowed growth as a share of the level.
        least: allowed growth in the figure's unit, if that is more.
    """

    share: float
    least: float


class Trend(NamedTuple):
    """The trend of a series.

    Attributes:
        level: the median.
        growth: from the start to the end of the measured part, along the median slope.
        allowed: the largest growth that is allowed.
    """

    level: float
    growth: float
    allowed: float

    @property
    def grows(self) -> bool:
        """Whether it grows by more than is allowed."""
        return self.growth > self.allowed


def trend_of(times: Sequence[float], values: Sequence[float], limit: Limit) -> Trend:
    """Return the trend of a series after the warm-up.

    The slope is the Theil-Sen estimator: the median of the slopes between all pairs of samples. It
    tolerates 29 % of outliers, so a garbage collection or a slow second hardly changes it.

    Args:
        times: seconds, ascending.
        values: the figures, one for each of `times`.
        limit: how much the figure may grow.
    """
    whole = np.asarray(times, dtype=float)
    measured = whole >= whole[0] + WARM_UP_SHARE * (whole[-1] - whole[0])
    at, figures = whole[measured], np.asarray(values, dtype=float)[measured]
    earlier, later = np.triu_indices(len(at), 1)
    slope = float(np.median((figures[later] - figures[earlier]) / (at[later] - at[earlier])))
    level = float(np.median(figures))
    return Trend(level, slope * (at[-1] - at[0]), max(limit.share * level, limit.least))
