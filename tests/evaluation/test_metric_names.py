from __future__ import annotations

import pytest

from nw2v.evaluation.metric_names import distinct_legal_names, legal_name


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("capital-common-countries", "capital-common-countries"),
        ("I01 [noun - plural_reg]", "I01 _noun - plural_reg"),
        ("a/b\\c", "a_b_c"),
        ("Gemüse", "Gem_se"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("v1.0: test", "v1.0: test"),
    ],
)
def test_legal_names(name, legal):
    assert legal_name(name) == legal


def test_names_stay_different():
    assert distinct_legal_names(["a[", "a(", "a"], taken={"a"}) == ["a_2", "a_3", "a_4"]


def test_mlflow_accepts_them():
    validation = pytest.importorskip("mlflow.utils.validation")
    for name in ("I01 [noun - plural_reg]", "a//b", "../x", "Gemüse", ".", "50% (x)", "a:b.c-d"):
        validation._validate_metric_name(f"analogy/{legal_name(name)}/accuracy")
