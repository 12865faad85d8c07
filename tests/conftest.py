"""What several rooms' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# How long an example takes is a matter of the machine and of what else it does.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with `corpora/` and `evaluation/`: real texts and judgements, not part of nw2v."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("NW2V_TEST_DATA", default))
    if not (folder / "corpora").is_dir():
        pytest.skip(
            "needs real texts: set NW2V_TEST_DATA to a folder with corpora/ and evaluation/"
        )
    return folder
