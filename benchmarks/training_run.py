"""One training by one program in a process of its own, which imports nothing but that program.

Started by the benchmarks with an order in JSON; leaves vectors and measurements in a folder.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from watched import peak_memory

if TYPE_CHECKING:
    from gensim.models import Word2Vec


def new_gensim(text: str, setting: dict[str, Any], rate: dict[str, float], seed: int) -> Word2Vec:
    """Make gensim's model of a setting, with its vocabulary, to be trained on a text file."""
    from gensim.models import Word2Vec

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
    return model


def train_gensim(model: Word2Vec, text: str, epochs: int) -> None:
    """Train gensim in its fastest way."""
    model.train(
        corpus_file=text,
        total_words=model.corpus_total_words,
        total_examples=model.corpus_count,
        epochs=epochs,
    )


def run_gensim(
    text: str, setting: dict[str, Any], learning_rate: float | None, seed: int
) -> dict[str, Any]:
    rate = {} if learning_rate is None else {"alpha": learning_rate}
    model = new_gensim(text, setting, rate, seed)
    start = time.perf_counter()
    train_gensim(model, text, setting["epochs"])
    seconds = time.perf_counter() - start
    return {
        "training_seconds": seconds,
        "learning_rate": model.alpha,
        "words": model.wv.index_to_key,
        "vectors": model.wv.vectors,
    }


def run_nw2v(
    text: str,
    setting: dict[str, Any],
    learning_rate: float | None,
    seed: int,
    *,
    deterministic: bool = False,
) -> dict[str, Any]:
    import nw2v
    from nw2v.training import Callback

    class Settings(Callback):
        """Remembers the settings with the defaults filled in."""

        def started(self, start: Any) -> None:
            self.resolved = start.settings

    settings = Settings()
    options = {name: value for name, value in setting.items() if name != "min_count"}
    with tempfile.TemporaryDirectory() as cache:  # reads the text anew, as gensim does
        corpus = nw2v.Corpus.from_file(text, min_count=setting["min_count"], cache_dir=cache)
        model = nw2v.train(
            corpus,
            learning_rate=learning_rate,
            heldout_fraction=0.0,
            seed=seed,
            deterministic=deterministic,
            callbacks=[settings],
            **options,
        )
        del corpus  # lets go of its files in the cache
    return {
        "training_seconds": model.metrics["train/seconds"],
        "learning_rate": settings.resolved["learning_rate"],
        "words": list(model.vocabulary.words),
        "vectors": model.center_vectors,
    }


def run_deterministic(
    text: str, setting: dict[str, Any], learning_rate: float | None, seed: int
) -> dict[str, Any]:
    return run_nw2v(text, setting, learning_rate, seed, deterministic=True)


def run_portable(
    text: str, setting: dict[str, Any], learning_rate: float | None, seed: int
) -> dict[str, Any]:
    """Run the path without register code on the beginning of the text, with all its vocabulary."""
    import nw2v
    from nw2v.corpus import EncodedText
    from nw2v.training.loop import fit
    from nw2v.training.parameters import Parameters
    from nw2v.training.settings import TrainingSettings
    from nw2v.training.stream import StreamTrainer

    options = {name: value for name, value in setting.items() if name not in ("min_count", "words")}
    options["epochs"] = 1
    with tempfile.TemporaryDirectory() as cache:
        corpus = nw2v.Corpus.from_file(text, min_count=setting["min_count"], cache_dir=cache)
        split = corpus.split(0.0, 0)
        tokens, offsets = split.training.tokens, split.training.offsets
        counts = split.vocabulary.counts
        sentences = max(1, int(np.searchsorted(offsets, setting["words"], side="right")) - 1)
        beginning = EncodedText(tokens[: offsets[sentences]], offsets[: sentences + 1])
        settings = TrainingSettings(learning_rate=learning_rate, seed=seed, **options)
        settings = settings.resolved(counts)
        parameters = Parameters(
            len(counts),
            settings.dim,
            seed=seed,
            initial_scale=settings.initial_scale,
            portable=True,
        )
        history: list[dict[str, float]] = []
        trainer = StreamTrainer(beginning, counts, parameters, settings)
        fit(trainer, settings={}, facts={}, history=history)
        words = len(beginning.tokens)
        del corpus, split, tokens, offsets, beginning, trainer
    return {
        "training_seconds": history[-1]["train/seconds"],
        "learning_rate": settings.learning_rate,
        "trained_words": words,
        "words": [],
        "vectors": np.zeros((0, settings.dim), dtype=np.float32),
    }


PROGRAMS = {
    "gensim": run_gensim,
    "nw2v": run_nw2v,
    "nw2v deterministic": run_deterministic,
    "nw2v portable": run_portable,
}


def main() -> None:
    order = json.loads(sys.argv[1])
    result = PROGRAMS[order["program"]](
        order["text"], order["setting"], order["learning_rate"], order["seed"]
    )
    result |= {"ready": time.time(), "peak_mebibytes": peak_memory()}
    folder = Path(order["folder"])
    np.save(folder / "vectors.npy", result.pop("vectors"))
    (folder / "words.txt").write_text("\n".join(result.pop("words")), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
