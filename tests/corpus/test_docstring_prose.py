"""What is taken of a documentation string, and what is left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nw2v.corpus import docstring_prose
from nw2v.corpus.docstring_prose import documentation_strings, file_sentences, sentences


def test_strings_that_document_are_found_in_order():
    source = b'''"""Module text."""
from x import add_newdoc, doc
class A:
    """Class text."""
    size = 1
    """Attribute text."""
    def f(self):
        """Method text."""
        return "no documentation"
    async def g(self):
        if self:
            def inner():
                """Inner text."""
add_newdoc("module", "name", """Added text.""")
add_newdoc("module", "name", ("method", """Method added."""))
_shared_docs["rank"] = """Shared text."""
A.__doc__ = """Assigned text."""
texts: str = "other text"
parser.add_argument("--depth", help="How deep.", default="none at all")
topics = {"assert": """Topic text."""}
def h(x: Annotated[int, Doc("Annotated text.")]): ...
'''
    assert documentation_strings(source) == [
        "Module text.",
        "Class text.",
        "Attribute text.",
        "Method text.",
        "Inner text.",
        *("module", "name", "Added text."),
        *("module", "name", "method", "Method added."),
        "Shared text.",
        "Assigned text.",
        "How deep.",
        "Topic text.",
        "Annotated text.",
    ]


@pytest.mark.parametrize(
    "source",
    [b"def f(:\n", b"\x00", b"\xff\xfe", b"# -*- coding: no-such-coding -*-\n'a'", b"", b"(" * 500],
    ids=["syntax", "null", "bytes", "coding", "empty", "deep"],
)
def test_a_source_that_does_not_parse_has_none(source):
    assert documentation_strings(source) == []


def test_warnings_of_other_peoples_sources_are_silenced():
    # Warnings are errors here: an invalid escape would raise.
    assert documentation_strings(b'"""An \\d invalid escape."""\nx = 1 is 1\n') == [
        "An \\d invalid escape."
    ]


NUMPY_STYLE = """Compute the arithmetic mean along the axis.

    Returns the average of the array's elements.  The average is taken over
    the flattened array by default, i.e. over `axis=None`; see e.g. Fig. 2.

    .. versionadded:: 1.20
       The `where` argument was added here.

    Parameters
    ----------
    a : array_like
        Array containing numbers whose mean is desired. If `a` is not an
        array, a conversion is attempted.
    axis : None or int, optional
        Axis along which the means are computed.

    Returns
    -------
    m : ndarray, see dtype parameter above
        If `out=None`, returns a new array.

    See Also
    --------
    average : Weighted average of the values.
    std, var

    Notes
    -----
    The mean is the sum divided by the number of elements [1]_:

    .. math:: \\frac{1}{n} \\sum x

    Use it like so::

        value = compute(that, thing)
        the code of this block is left out

    It doesn't overflow.

    References
    ----------
    .. [1] A. Author, "A title of a book about the mean", 1999.
       It has a second line of words here.

    Examples
    --------
    >>> import numpy as np
    >>> np.mean([1, 2])
    the output of the example

    In single precision, the mean can be inaccurate:

    =====  ======
    name   of the table
    =====  ======
    cells  in the table
    =====  ======
    """


def test_numpy_style():
    assert list(sentences(NUMPY_STYLE)) == [
        "compute the arithmetic mean along the axis",
        "returns the average of the array elements",
        "the average is taken over the flattened array by default that is over axis see "
        "for example fig",
        "the where argument was added here",
        "a array like",
        "array containing numbers whose mean is desired",
        "if a is not an array a conversion is attempted",
        "axis none or int optional",
        "axis along which the means are computed",
        "m ndarray see dtype parameter above",
        "if out returns a new array",
        "weighted average of the values",
        "the mean is the sum divided by the number of elements",
        "use it like so",
        "it doesn't overflow",
        "in single precision the mean can be inaccurate",
    ]


def test_google_and_sphinx_style():
    text = """Log a model.

    Args:
        model (Model): The model to be saved, which must
            have a name.
        path: Where the model goes.

    Returns:
        The number of files written.

    :param name: the name that the table is given
    :type name: a string of some length
    :returns: a list of the names
    :rtype: list of str or so

    ```python
    this is the code in a fence
    ```

    * the first item of a list
      goes on in a second line
    * the second item of it

    def code_of_the_function(which, is, left):
    x = the_code of the line
    """
    assert list(sentences(text)) == [
        "log a model",
        "the model to be saved which must have a name",
        "where the model goes",
        "the number of files written",
        "the name that the table is given",
        "a list of the names",
        "the first item of a list goes on in a second line",
        "the second item of it",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See :class:`~pandas.core.DataFrame` and ``None``.", "see dataframe and none"),
        ("The `the guide <https://a.b/c>`_ tells you.", "the the guide tells you"),
        ("Read [the manual](http://x.y) and https://a.b/c now.", "read the manual and now"),
        ("Give n_samples of the 3-dimensional data.", "give n samples of the dimensional data"),
        ("Call ``np.sum(x, axis=0)`` or f(x, y) here.", "call np sum or f here"),
        ("Don’t use the caller's name; it's his.", "don't use the caller name it's his"),
        ("Write to /usr/lib/x.py and me@example.org today.", "write to and today"),
        ("This is one\u00a0line of ﬁle text.", "this is one line of file text"),
        ("The Björck method and naïve ones.", "the björck method and naïve ones"),
        ("Set to **all** %(name)s of {these} now.", "set to all of now"),
    ],
)
def test_markup_becomes_words(text, expected):
    assert list(sentences(text)) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Two words.",
        "1 2 3 4 5",
        "Licensed under the Apache License, with no warranty at all.",
        "Copyright (c) of the authors of this file.",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi",
        "a + b == c * d && !e || f[0] / g{1} - h^2 is i",
    ],
)
def test_what_is_no_sentence_is_left_out(text):
    assert list(sentences(text)) == []


@given(st.text())
def test_any_text_gives_lower_case_words(text):
    for sentence in sentences(text):
        words = sentence.split(" ")
        assert len(words) >= 3
        assert all(word.replace("'", "").isalpha() and word == word.lower() for word in words)


@given(st.lists(st.sampled_from([*" \n.:`*-=~_|'\"<>[](){}%$\\/", "a", "The x is", "::", ">>> "])))
def test_any_markup_is_survived(parts):
    list(sentences("".join(parts)))


def test_a_string_that_was_read_is_not_read_again(tmp_path):
    path = tmp_path / "a.py"
    path.write_text('"""The text of a module."""\n', encoding="utf-8")
    seen: set[str] = set()
    assert file_sentences(str(path), seen) == ["the text of a module"]
    assert file_sentences(str(path), seen) == []
    assert file_sentences(str(tmp_path / "absent.py"), seen) == []


def test_as_a_worker_it_answers_each_path(tmp_path):
    path = tmp_path / "ä.py"
    path.write_text('"""The naïve text of a module. It has two sentences."""\n', encoding="utf-8")
    requests = [os.fsencode(path), os.fsencode(tmp_path / "absent.py"), os.fsencode(path)]
    answered = subprocess.run(
        [sys.executable, "-I", "-S", str(Path(docstring_prose.__file__))],
        input=b"".join(request + b"\n" for request in requests),
        capture_output=True,
        check=True,
    )
    assert answered.stdout.decode("utf-8").splitlines() == [
        *("2", "the naïve text of a module", "it has two sentences"),
        *("0", "0"),
    ]
    assert answered.stderr == b""
