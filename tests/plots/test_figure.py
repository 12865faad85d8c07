"""Figures as files."""

import io

import pytest

from nw2v.plots.figure import PNG_OPTIONS, dress, new_figure, png


@pytest.mark.parametrize("has_layout", [True, False])
def test_a_file_is_what_matplotlib_would_write(has_layout):
    def drawn():
        figure = new_figure(4, 3, has_layout=has_layout)
        for axes in figure.subplots(1, 2, sharey=True):
            axes.plot([0, 1], [0, 20_000], label="$a")
            dress(axes, "title", "across", "up")
        figure.suptitle("of both")
        return figure

    expected = io.BytesIO()
    drawn().savefig(expected, format="png", pil_kwargs=dict(PNG_OPTIONS))
    assert png(drawn()) == expected.getvalue()
