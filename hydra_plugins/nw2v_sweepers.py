"""The sweepers of nw2v, where Hydra looks for plugins: it imports this file at every start.

So nothing is imported here but Hydra's own base class.
"""

from typing import Any

from hydra.plugins.sweeper import Sweeper


class _LaunchingSweeper(Sweeper):
    """What a sweeper has that starts its jobs by Hydra's launcher."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Take what Hydra has prepared, and the launcher."""
        from hydra.core.plugins import Plugins

        from nw2v.cli.job_configurations import quick_context

        self.hydra_context = quick_context(hydra_context)
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context, task_function=task_function, config=config
        )


class GridSweeper(_LaunchingSweeper):
    """Every combination of the values given: `hydra/sweeper=grid`, the default.

    Parameters
    ----------
    max_batch_size : int, optional
        How many jobs go to the launcher at a time.
    params : dict, optional
        What is swept if the command line does not say otherwise.
    """

    def __init__(
        self, max_batch_size: int | None = None, params: dict[str, str] | None = None
    ) -> None:
        super().__init__()
        self.max_batch_size = max_batch_size  # params are read when the sweep is planned

    def sweep(self, arguments: list[str]) -> Any:
        """Launch the jobs that `nw2v train` has planned."""
        from nw2v.cli.grid import launch_planned

        assert self.launcher is not None
        return launch_planned(self.launcher, self.max_batch_size)


class OptunaSweeper(_LaunchingSweeper):
    """`hydra/sweeper=optuna`: searches with Optuna instead of trying every combination.

    Parameters
    ----------
    **options
        The keys of `conf/hydra/sweeper/optuna.yaml`; they are read, checked, from the configuration
        when the search begins.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()

    def sweep(self, arguments: list[str]) -> Any:
        """Search, one batch of jobs after the other."""
        from nw2v.cli.search.sweep import search

        return search(self, arguments)
