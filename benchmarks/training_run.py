"""One training by one program in a process of its own, which imports nothing but that program.

Started by the benchmarks with an order in JSON; leaves vectors and measurements in a folder.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def run_gensim(
    text: str, setting: dict[str, Any], learning_rate: float | None, seed: int
) -> dict[str, Any]:
    from gensim.models import Word2Vec

    rate = {} if learning_rate is None else {"alpha": learning_rate}
    model = Word2Vec(
        sg=1,
        hs=0,
        vector_size=setting["dim"],
        window=setting["window"],
        negative=setting["negatives"],
        sample=setting["subsample"],
        min_count=setting["min_count"],
        workers=setting["threads"],
        seed=seed,
        **rate,
    )
    model.build_vocab(corpus_file=text)
    start = time.perf_counter()
    model.train(
        corpus_file=text,
        total_words=model.corpus_total_words,
        total_examples=model.corpus_count,
        epochs=setting["epochs"],
    )
    seconds = time.perf_counter() - start
    words = model.wv.index_to_key
    return {
        "training_seconds": seconds,
        "learning_rate": model.alpha,
        "words": words,
        "counts": np.array([model.wv.get_vecattr(word, "count") for word in words]),
        "vectors": model.wv.vectors,
    }


def run_nw2v(
    text: str, setting: dict[str, Any], learning_rate: float | None, seed: int
) -> dict[str, Any]:
    import nw2v
    from nw2v.training.settings import TrainingSettings

    options = {name: value for name, value in setting.items() if name != "min_count"}
    with tempfile.TemporaryDirectory() as cache:  # reads the text anew, as gensim does
        corpus = nw2v.Corpus.from_file(text, min_count=setting["min_count"], cache_dir=cache)
        model = nw2v.train(
            corpus, learning_rate=learning_rate, heldout_fraction=0.0, seed=seed, **options
        )
        del corpus  # lets go of its files in the cache
    return {
        "training_seconds": model.metrics["train/seconds"],
        "learning_rate": TrainingSettings(learning_rate=learning_rate).resolved().learning_rate,
        "words": list(model.vocabulary.words),
        "counts": np.asarray(model.vocabulary.counts),
        "vectors": model.center_vectors,
    }


PROGRAMS = {"gensim": run_gensim, "nw2v": run_nw2v}


def peak_memory() -> float | None:
    """Largest memory this process held so far, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    order = json.loads(sys.argv[1])
    result = PROGRAMS[order["program"]](
        order["text"], order["setting"], order["learning_rate"], order["seed"]
    )
    result |= {"ready": time.time(), "peak_mebibytes": peak_memory()}
    folder = Path(order["folder"])
    np.save(folder / "vectors.npy", result.pop("vectors"))
    np.save(folder / "counts.npy", result.pop("counts"))
    (folder / "words.txt").write_text("\n".join(result.pop("words")), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
