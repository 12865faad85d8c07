"""Run one of the studies that are sweeps, and write its report into its folder here.

    python experiments/sweep_study.py window_negatives_dim
    python experiments/sweep_study.py noise_subsampling

A study is a preset of `conf/experiment/` on the default corpus. Interrupted or killed, the same
command goes on where it was. More words are overrides of the sweep, such as `seed=range(1,6)`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from nw2v.cli import main as nw2v
from nw2v.sweeps import load, write_report

HERE = Path(__file__).parent
STUDIES = ("noise_subsampling", "window_negatives_dim")
SHARED = [
    "hydra/launcher=joblib",
    "evaluation.analogies=[nw2v,google]",
    "evaluation.similarity=[wordsim353,simlex999]",
    "tracking=none",
]
NOT_KEPT = ("report.html",)  # report.md says the same


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in STUDIES:
        print(f"name a study: {' or '.join(STUDIES)}", file=sys.stderr)
        return 2
    study, *overrides = arguments
    folder = Path("multirun/studies") / study
    if (folder / "sweep.json").is_file():
        command = [f"sweep.resume={folder}", *overrides]
    else:
        command = [f"experiment={study}", *SHARED, f"hydra.sweep.dir={folder}", *overrides]
    status = nw2v(["train", "-m", *command])
    if status == 0:
        for file in write_report(load(folder), HERE / study):
            if file.name in NOT_KEPT:
                file.unlink()
        print(f"study       {HERE / study / 'report.md'}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
