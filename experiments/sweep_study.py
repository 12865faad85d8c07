"""Run one of the studies that are sweeps, and write its report into its folder here.

    python experiments/sweep_study.py window_negatives_dim
    python experiments/sweep_study.py noise_subsampling

A study is a preset of `conf/experiment/` on the default corpus. Interrupted or killed, the same
command goes on where it was. More words are overrides of the sweep, such as `seed=range(1,6)`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nw2v.cli import main as nw2v
from nw2v.sweeps import load, write_report

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).parent
STUDIES = ("noise_subsampling", "window_negatives_dim")
SHARED = [
    "hydra/launcher=joblib",
    "evaluation.analogies=[nw2v,google]",
    "evaluation.similarity=[wordsim353,simlex999]",
    "tracking=none",
]
NOT_KEPT = ("report.html",)  # report.md says the same
OTHER_SCORES = (
    *("analogy/nw2v/accuracy", "analogy/google/accuracy"),
    *("similarity/wordsim353/spearman", "similarity/simlex999/spearman"),
    *("valid/cross_entropy", "train/seconds"),
)


def write_other_scores(frame: pd.DataFrame, file: Path) -> None:
    """Write means over seeds of the scores that the report has no room for, as far as known."""
    keys = [key for key in frame.attrs["swept"] if key != "seed"]
    scores = [name for name in OTHER_SCORES if name in frame.columns]
    groups = frame.groupby(keys or (lambda job: 0), dropna=False)
    means = groups[scores].mean().round(5)
    means.insert(0, "seeds", groups[scores[0]].count())
    means.reset_index(drop=not keys).to_csv(file, index=False, lineterminator="\n")


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
        frame = load(folder)
        for file in write_report(frame, HERE / study):
            if file.name in NOT_KEPT:
                file.unlink()
        write_other_scores(frame, HERE / study / "other_scores.csv")
        print(f"study       {HERE / study / 'report.md'}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
