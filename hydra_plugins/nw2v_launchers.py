"""nw2v's launchers, where Hydra looks for them at every start: nothing heavy is imported here.

Hydra's own plugin for joblib does not divide the cores, and kills running jobs at an interrupt; its
plugin for Ray asks for a cloudpickle of 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class JoblibConfig:
    """`hydra/launcher=joblib`: jobs side by side in processes of this machine."""

    _target_: str = "hydra_plugins.nw2v_launchers.JoblibLauncher"
    # How many at once: -1 is one a core, -2 one less. Each has cores // n_jobs threads, at least 1.
    n_jobs: int = -1


@dataclass
class RayOptions:
    """What Ray is given."""

    # To ray.init: `address` is a running cluster (auto, ray://HOST:10001), null this machine.
    init: dict[str, Any] = field(
        default_factory=lambda: {
            "address": None,
            "include_dashboard": False,
            "logging_level": "warning",
        }
    )
    # To ray.remote, for every job: num_cpus is also how many threads it has.
    remote: dict[str, Any] = field(default_factory=lambda: {"num_cpus": 1, "max_retries": 0})


@dataclass
class RayConfig:
    """`hydra/launcher=ray`: jobs on a Ray cluster."""

    _target_: str = "hydra_plugins.nw2v_launchers.RayLauncher"
    ray: RayOptions = field(default_factory=RayOptions)


class LauncherConfigurations(SearchPathPlugin):
    """Offers the configurations, in place of those of plugins that have the same name."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Register them: Hydra calls this when it has found all plugins."""
        for name, node in (("joblib", JoblibConfig), ("ray", RayConfig)):
            ConfigStore.instance().store(
                group="hydra/launcher", name=name, node=node, provider="nw2v"
            )


class JoblibLauncher(Launcher):
    """Runs jobs in processes of this machine: `hydra/launcher=joblib`."""

    def __init__(self, n_jobs: int = -1) -> None:
        self.n_jobs = n_jobs

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what every job needs."""
        from nw2v.cli.launching import JobSource

        self.source = JobSource(hydra_context, task_function, config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run jobs and wait for all of them."""
        from nw2v.cli.joblib_launcher import launch

        return launch(self.source, self.n_jobs, job_overrides, initial_job_idx)


class RayLauncher(Launcher):
    """Runs jobs on a Ray cluster, or on this machine: `hydra/launcher=ray`."""

    def __init__(self, ray: DictConfig) -> None:
        self.options = ray

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what every job needs; find out whether Ray is there."""
        from nw2v.cli.launching import JobSource
        from nw2v.cli.ray_launcher import check_ray

        check_ray()
        self.source = JobSource(hydra_context, task_function, config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run jobs and wait for all of them."""
        from nw2v.cli.ray_launcher import launch

        return launch(self.source, self.options, job_overrides, initial_job_idx)
