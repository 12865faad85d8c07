"""Word vectors as an MLflow model: MLflow copies this file into the model and runs it to load one.

Nothing of the model is pickled. What it needs beside this file is among its artifacts: the vectors
(`vectors`), and the modules of nw2v that read and query them (`library`), for machines on which
nw2v is not installed. Where it is, the installed one answers: a folder put before it in the search
path, as MLflow's code_paths are, would hide all of nw2v that is not in the model.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

DEFAULTS = {"top": 10, "method": "3cosadd"}
# How many words a query needs; None: one or more.
WORDS_OF = {"most_similar": None, "analogy": 3, "similarity": 2, "vector": 1}
COLUMNS = ["answers", "scores", "vector", "error"]
# Looking for what an unknown word was meant to be takes a quarter of a second among 400,000.
MOST_SUGGESTIONS = 20


class WordVectorsModel(PythonModel):
    """Answers questions about words, one a row.

    A question is a row with `query` and `words`:

    ============== =================== ====================================================
    query          words               answers and scores
    ============== =================== ====================================================
    most_similar   one or more         the words nearest to the sum of their unit vectors
    analogy        three: A, B, C      what is to C as B is to A
    similarity     two: A, B           B and its cosine with A
    vector         one                 none, but `vector`
    ============== =================== ====================================================

    The answer is a row with `answers` and `scores` (lists of one length), `vector` (None but for
    vector) and `error`: None, or why this question has no answer; the others have theirs.
    """

    def load_context(self, context: Any) -> None:
        """Read the vectors, each number and word of them checked."""
        try:
            from nw2v.vectors import WordVectors
        except ModuleNotFoundError as error:
            if error.name != "nw2v":
                raise
            sys.path.append(context.artifacts["library"])  # last: whatever else is there wins
            from nw2v.vectors import WordVectors
        self._vectors = WordVectors.load(context.artifacts["vectors"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer each row.

        Parameters
        ----------
        context : mlflow.pyfunc.PythonModelContext
        model_input : pandas.DataFrame
            Columns `query` (strings) and `words` (lists of strings).
        params : dict, optional
            `top`, how many answers; `method`, 3cosadd or 3cosmul, by which analogies are ranked.

        Returns
        -------
        pandas.DataFrame
            Columns `answers`, `scores`, `vector` and `error`, a row a question.
        """
        options = {**DEFAULTS, **(params or {})}
        rows, unknown = [], 0
        for cells in model_input.to_dict("records"):
            row: dict[str, Any] = {"answers": [], "scores": []}
            try:
                row |= self._answer(cells, **options)
            except ValueError as error:  # nw2v's InputError is one
                problem: Any = error
                if hasattr(problem, "word"):  # nw2v's UnknownWordError
                    unknown += 1
                    if unknown > MOST_SUGGESTIONS:
                        problem = type(problem)(problem.word, (), len(self._vectors))
                row["error"] = str(problem)
            rows.append([row.get(column) for column in COLUMNS])
        # With object, what is not there is None in Python and null in JSON.
        return pd.DataFrame(rows, columns=COLUMNS, index=model_input.index, dtype=object)

    def _answer(self, cells: dict[Any, Any], top: int, method: str) -> dict[str, Any]:
        query, words = cells["query"], [str(word) for word in cells["words"]]
        if query not in WORDS_OF:
            raise ValueError(f"query is {str(query)[:80]!r}; expected {', '.join(WORDS_OF)}")
        if WORDS_OF[query] not in (None, len(words)):
            raise ValueError(f"{query} needs {WORDS_OF[query]} in words; {len(words)} given")
        if query == "vector":
            return {"vector": self._vectors[words[0]].tolist()}
        if query == "similarity":
            ranking = [(words[1], self._vectors.similarity(*words))]
        elif query == "analogy":
            ranking = self._vectors.analogy(*words, top=top, method=method)
        else:
            ranking = self._vectors.most_similar(words, top=top)
        return {
            "answers": [word for word, _ in ranking],
            "scores": [score for _, score in ranking],
        }


set_model(WordVectorsModel())
