"""CMA-ES over a study's finished trials, told again from the first for every new trial.

Optuna's own sampler keeps the optimiser as a pickle in the study. A study is a file that one may
have been given, and reading a pickle runs whatever it holds; replaying costs milliseconds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cmaes import CMA
from optuna import Study
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

_INITIAL_SIGMA = 1 / 6  # of the range, as Optuna begins


class CmaesSampler(BaseSampler):
    """Draws from the normal distribution that CMA-ES has adapted to the trials so far.

    Parameters
    ----------
    seed : int
        Of this one draw.
    population_size : int, optional
        Completed trials that make a generation; None: 4 + 3 ln(number of parameters).
    """

    def __init__(self, seed: int, population_size: int | None = None) -> None:
        self._seed = seed
        self._population_size = population_size
        self._of_single_values = RandomSampler(seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Give the parameters of the study's trials that have more than one value."""
        for earlier in study.get_trials(deepcopy=False):
            if earlier.state in (TrialState.COMPLETE, TrialState.PRUNED):
                known = sorted(earlier.distributions.items())
                return {key: each for key, each in known if not each.single()}
        return {}  # The first trial is drawn at random.

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw a point."""
        if not search_space:
            return {}
        scales = {key: _Scale(each) for key, each in search_space.items()}
        dimensions = len(scales)
        optimizer = CMA(
            mean=np.full(dimensions, 0.5),
            sigma=_INITIAL_SIGMA,
            bounds=np.array([[0.0, 1.0]] * dimensions),
            seed=self._seed,
            population_size=self._population_size,
        )
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        generation: list[tuple[np.ndarray, float]] = []
        for earlier in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            point = np.array([scales[key].to_unit(earlier.params[key]) for key in scales])
            assert earlier.value is not None
            generation.append((point, sign * earlier.value))
            if len(generation) == optimizer.population_size:
                optimizer.tell(generation)
                generation = []
        drawn = optimizer.ask()
        return {
            key: scale.from_unit(x) for (key, scale), x in zip(scales.items(), drawn, strict=True)
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw the parameters of the first trial, and those that have a single value."""
        return self._of_single_values.sample_independent(
            study, trial, param_name, param_distribution
        )


class _Scale:
    """A range of numbers laid out from 0 to 1; each of its steps gets an equal part."""

    def __init__(self, distribution: BaseDistribution) -> None:
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        self.of = distribution
        half = (distribution.step or 0) / 2
        self.ends = self._bent(distribution.low - half), self._bent(distribution.high + half)

    def _bent(self, value: float) -> float:
        return math.log(value) if self.of.log else float(value)

    def to_unit(self, value: float) -> float:
        low, high = self.ends
        return (self._bent(value) - low) / (high - low)

    def from_unit(self, x: float) -> float:
        low, high = self.ends
        value = low + float(x) * (high - low)
        value = math.exp(value) if self.of.log else value
        if self.of.step is not None:
            steps = round((value - self.of.low) / self.of.step)
            value = self.of.low + steps * self.of.step
        value = min(max(value, self.of.low), self.of.high)
        return int(value) if isinstance(self.of, IntDistribution) else value
