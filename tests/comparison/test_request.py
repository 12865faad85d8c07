from __future__ import annotations

from typing import Any

import pytest

from nw2v.comparison import compare
from nw2v.comparison.request import check_request
from nw2v.errors import InputError

SYSTEMS = ["naive_softmax/cooccurrence", "negative_sampling/stream"]
ASKED: dict[str, Any] = {
    "systems": SYSTEMS, "negatives": [5], "seeds": 2, "seed": 1, "epochs": {},
    "learning_rates": {}, "shared": {},
}  # fmt: skip


def test_the_systems_are_given():
    names = [system.name for system in check_request(**ASKED)]
    assert names == ["naive softmax, cooccurrence", "negative sampling K=5, stream"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seeds": 0}, "compare.seeds=0: expected a whole number from 1 to 10,000"),
        ({"seeds": True}, "compare.seeds=True: expected"),
        ({"seeds": 10_001}, "compare.seeds=10001: expected"),
        ({"seed": 2**63 - 2, "seeds": 3}, "with 3 seeds the last is above 9,223,"),
        ({"negatives": [10_001]}, "compare.negatives=10001: expected a whole number from 1 to"),
        ({"negatives": []}, "compare.negatives is empty: negative_sampling/stream needs a K"),
        ({"epochs": {"stream": 0}}, "compare.epochs.stream=0: expected a whole number from 1"),
        ({"learning_rates": {"cooccurrence": -1.0}}, "compare.learning_rate.cooccurrence=-1.0: "),
        ({"shared": {"threads": 0}}, "compare.threads=0: expected"),
        ({"shared": {"noise_exponent": 99.0}}, "compare.noise_exponent=99.0: expected"),
        ({"shared": {"heldout_fraction": 0.0}}, "evaluation.heldout_fraction=0: systems are"),
        ({"shared": {"dim": 0}}, "model.dim=0: expected"),
    ],
)
def test_what_is_wrong_is_found_by_its_key_before_the_text_is_looked_at(wrong, message):
    asked = {**ASKED, **wrong}
    with pytest.raises(InputError) as caught:
        check_request(**asked)
    assert str(caught.value).startswith(message) or message in str(caught.value)
    shared = asked.pop("shared")
    with pytest.raises(InputError) as again:
        compare(None, **asked, **shared)  # type: ignore[arg-type]
    assert str(again.value) == str(caught.value)
