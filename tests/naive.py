"""Plain, slow, obviously right twins of what nw2v compiles. Tests compare the two."""

from __future__ import annotations

import collections
import itertools
import math

import numpy as np

# --- losses: the mathematics, word by word ---------------------------------------------------


def softmax(scores):
    powers = [math.exp(s - max(scores)) for s in scores]
    return np.array([p / sum(powers) for p in powers])


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def naive_softmax_loss_and_gradient(center_vector, outside_index, outside_vectors):
    v_c, U = np.asarray(center_vector, np.float64), np.asarray(outside_vectors, np.float64)
    y_hat = softmax(U @ v_c)
    y = np.zeros(len(U))
    y[outside_index] = 1
    loss = -math.log(y_hat[outside_index])
    return loss, U.T @ (y_hat - y), np.outer(y_hat - y, v_c)


def negative_sampling_loss_and_gradient(
    center_vector, outside_index, outside_vectors, negative_indices
):
    v_c, U = np.asarray(center_vector, np.float64), np.asarray(outside_vectors, np.float64)
    s = sigmoid(U[outside_index] @ v_c)
    loss = -math.log(s)
    gradient_center = (s - 1) * U[outside_index]
    gradient_outside = np.zeros_like(U)
    gradient_outside[outside_index] += (s - 1) * v_c
    for k in negative_indices:
        s = sigmoid(U[k] @ v_c)
        loss -= math.log(1 - s)
        gradient_center = gradient_center + s * U[k]
        gradient_outside[k] += s * v_c
    return loss, gradient_center, gradient_outside


def skipgram_loss_and_gradient(
    center_index,
    outside_indices,
    center_vectors,
    outside_vectors,
    loss="naive_softmax",
    negative_indices=None,
):
    total = 0.0
    gradient_centers = np.zeros(np.shape(center_vectors))
    gradient_outsides = np.zeros(np.shape(outside_vectors))
    for j, o in enumerate(outside_indices):
        v_c = center_vectors[center_index]
        if loss == "naive_softmax":
            terms = naive_softmax_loss_and_gradient(v_c, o, outside_vectors)
        else:
            terms = negative_sampling_loss_and_gradient(
                v_c, o, outside_vectors, negative_indices[j]
            )
        total += terms[0]
        gradient_centers[center_index] += terms[1]
        gradient_outsides += terms[2]
    return total, gradient_centers, gradient_outsides


def batch_loss_and_gradient(
    center_indices,
    outside_indices,
    offsets,
    center_vectors,
    outside_vectors,
    loss="naive_softmax",
    negative_indices=None,
):
    total = 0.0
    gradient_centers = np.zeros(np.shape(center_vectors))
    gradient_outsides = np.zeros(np.shape(outside_vectors))
    for b, c in enumerate(center_indices):
        window = slice(offsets[b], offsets[b + 1])
        terms = skipgram_loss_and_gradient(
            c,
            outside_indices[window],
            center_vectors,
            outside_vectors,
            loss,
            None if negative_indices is None else negative_indices[window],
        )
        total += terms[0]
        gradient_centers += terms[1]
        gradient_outsides += terms[2]
    return total, gradient_centers, gradient_outsides


# --- word vectors: neighbours and analogies ----------------------------------------------------


def cosine(a, b):
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    lengths = np.sqrt((a * a).sum()) * np.sqrt((b * b).sum())
    return (a * b).sum() / lengths if lengths > 0 else 0.0


def unit(vector):
    vector = np.asarray(vector, dtype=np.float64)
    length = np.sqrt((vector * vector).sum())
    return vector / length if length > 0 else vector


def most_similar(words, vectors, positive, negative=()):
    """All words but those asked about, with their cosines, in order."""
    by_word = dict(zip(words, vectors, strict=True))
    query = np.zeros(len(vectors[0]))
    for word in positive:
        query += unit(by_word[word])
    for word in negative:
        query -= unit(by_word[word])
    others = [word for word in words if word not in {*positive, *negative}]
    scores = [(word, cosine(by_word[word], query)) for word in others]
    return sorted(scores, key=lambda pair: -pair[1])  # stable: ties stay in the order of ids


def analogy_3cosmul(words, vectors, a, b, c):
    by_word = dict(zip(words, vectors, strict=True))
    scores = []
    for word in words:
        if word not in {a, b, c}:
            to_a, to_b, to_c = ((1 + cosine(by_word[word], by_word[x])) / 2 for x in (a, b, c))
            scores.append((word, to_b * to_c / (to_a + 0.001)))
    return sorted(scores, key=lambda pair: -pair[1])


# --- jit ---------------------------------------------------------------------------------------


def random_bits(key, counter):
    mask = 2**64 - 1
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


# --- kernels: the token stream, window by window ------------------------------------------------


def windows(sentences, keep_limits, window, shrink, key):
    """List (center word, outside words) for all sentences; positions count through the text."""
    found = []
    position = 0
    for sentence in sentences:
        kept = []
        for word in sentence:
            bits = random_bits(key, position)
            position += 1
            reach = 1 + ((bits & 0xFFFFFFFF) * window >> 32) if shrink else window
            if bits >> 33 <= keep_limits[word]:
                kept.append((word, reach))
        words = [word for word, _ in kept]
        for i, (word, reach) in enumerate(kept):
            found.append((word, words[max(0, i - reach) : i] + words[i + 1 : i + 1 + reach]))
    return found


def batches_of(centers, most, alike):
    """Cut center words into batches that have none of them more often than `alike`."""
    batches: list[list[int]] = []
    batch: list[int] = []
    for i, word in enumerate(centers):
        if len(batch) == most or [centers[k] for k in batch].count(word) == alike:
            batches.append(batch)
            batch = []
        batch.append(i)
    return [*batches, batch] if batch else batches


def negative_sampling_pass(V, U, sentences, law, key, negatives, sigmas, first_rate, last_rate):
    """Train in place in float64 at a falling rate; return the sum of losses and the pairs.

    Batches are the smaller, the more often one word is center.
    """
    table, pool, largest_pool, K, most, parts, alike, pairs_alike, usual, *rest = negatives
    most_changes, concentration = rest
    found = windows(sentences, law.keep_limits, law.window, law.shrink, key)
    centers = [c for c, _ in found]
    of_words = [sum(len(outside) for k, outside in found if k == c) for c in set(centers)]
    most = min(most, max(1, int(pairs_alike * len(found) / max(1, *of_words))))
    # How many of a window's pairs the average center word takes part in.
    squares, total = sum(n**2 for n in of_words), max(1, sum(of_words))
    changes = (1 + K) * squares / len(found) / total
    remembered = min(256, most_changes / (2 * max(changes, 1e-9)))
    remembered = remembered if remembered >= 48 else 0.0
    if squares / total**2 > 2 * (concentration + 1 / len(found)) and changes * 2048 > most_changes:
        pool, remembered = largest_pool, min(usual, remembered)
        push = first_rate * K * total / len(found) / parts * (2 - remembered / 256)
        most = min(most, max(1, int(2.15 * pool / max(push, 1e-9))))
    else:
        remembered = usual
    place = random_bits(key ^ 0x6E6F697365, 0) & len(table) - 1
    steps = []
    for batch in batches_of(centers, most, alike):
        for part in range(parts):
            words = [table[(place + k) & len(table) - 1] for k in range(pool)]
            place += pool
            some = []
            for c, outside_words in (found[i] for i in batch):
                m = len(outside_words)
                of_part = outside_words[m * part // parts : m * (part + 1) // parts]
                some.append((c, of_part, m * K / (pool * parts)))
            done = batch[0] / len(found)
            rate = first_rate + (last_rate - first_rate) * done
            steps.append((some, words, rate))
    loss, pairs = 0.0, 0
    # Decaying sums over the negatives and the centers, and how many there were of them.
    sum_U, sum_V = np.zeros((2, V.shape[1]))
    known_U = known_V = 0.0
    for some, words, rate in steps:
        trust = known_U / 256
        expected = [trust * sigmas[w] for w in words]
        mean_U, mean_V = sum_U / 256, sum_V / max(known_V, 1)
        observed = [0.0] * pool
        # What negatives and centers give each other, and the coefficients of pairs, at the
        # parameters from before the step.
        updates, step_U, coefficients = [], np.zeros_like(U), []
        for c, outside_words, weight in some:
            own = [sigmoid(U[o] @ V[c]) for o in outside_words]
            loss -= sum(math.log(s) for s in own)
            coefficients.append([rate * (1 - s) for s in own])
            update = -rate * weight * pool * mean_U
            for k, w in enumerate(words):
                s = sigmoid(U[w] @ V[c])
                loss -= weight * math.log(sigmoid(-(U[w] @ V[c])))
                update -= rate * weight * (s - expected[k]) * U[w]
                step_U[w] -= rate * weight * (s - expected[k]) * V[c]
                observed[k] += weight * s
            updates.append(update)
            pairs += len(outside_words)
        for k, w in enumerate(words):
            step_U[w] -= rate * len(some) * expected[k] * mean_V
        if remembered:
            kept = 1 - pool / remembered
            sum_U = kept * sum_U + sum(sigmas[w] * U[w] for w in words)
            known_U = kept * known_U + pool
            kept = 1 - len(some) / (2 * remembered)
            sum_V = kept * sum_V + sum(weight * V[c] for c, _, weight in some)
            known_V = kept * known_V + len(some)
        U += step_U
        # Pairs one after another, and each center's vector behind its pairs.
        for (c, outside_words, _), update, own in zip(some, updates, coefficients, strict=True):
            for o, coefficient in zip(outside_words, own, strict=True):
                update += coefficient * U[o]
                U[o] += coefficient * V[c]
            V[c] += update
        total = sum(weight for _, _, weight in some)
        for k, w in enumerate(words):
            if usual and total:
                sigmas[w] += (observed[k] / total - sigmas[w]) / 4
    return loss, pairs


def naive_softmax_pass(V, U, sentences, keep_limits, window, shrink, key, rate, batch=1):
    """Train in place; `batch` windows share a step, those without outside words left out."""
    found = windows(sentences, keep_limits, window, shrink, key)
    found = [(c, outside_words) for c, outside_words in found if outside_words]
    loss, pairs = 0.0, 0
    for first in range(0, len(found), batch):
        gradient_centers, gradient_outsides = np.zeros_like(V), np.zeros_like(U)
        for c, outside_words in found[first : first + batch]:
            for o in outside_words:
                pair = naive_softmax_loss_and_gradient(V[c], o, U)
                loss += pair[0]
                gradient_centers[c] += pair[1]
                gradient_outsides += pair[2]
            pairs += len(outside_words)
        V -= rate * gradient_centers
        U -= rate * gradient_outsides
    return loss, pairs


# --- evaluation: analogies and held-out cross-entropy ----------------------------------------


def analogy(words, vectors, a, b, c, method):
    """The best word, and by how much all cosines would have to be off for another one to be best.

    To first order. 3CosMul divides by as little as 0.001: there, it takes very little.
    """

    def cosine(x, y):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        return x @ y / (math.sqrt(x @ x) * math.sqrt(y @ y))

    vector_of = dict(zip(words, vectors, strict=True))
    scores = []
    for word in words:
        if word in (a, b, c):
            continue
        to_a, to_b, to_c = (cosine(vector_of[word], vector_of[other]) for other in (a, b, c))
        if method == "3cosadd":
            scores.append((to_b - to_a + to_c, 3.0, word))
        else:
            half_b, half_c, divisor = (1 + to_b) / 2, (1 + to_c) / 2, (1 + to_a) / 2 + 0.001
            score = half_b * half_c / divisor
            change = (half_b + half_c + score) / (2 * divisor)  # by all three cosines
            scores.append((score, change, word))
    if not scores:
        return None, math.inf
    best = max(scores)
    others = [one for one in scores if one is not best]
    margins = [(best[0] - score) / (best[1] + change) for score, change, _ in others]
    return best[2], min(margins, default=math.inf)


def heldout_metrics(pairs, V, U, loss_name, counts, negatives, noise_exponent):
    """Pair by pair, from the definitions; no standard error."""
    V, U = np.asarray(V, np.float64), np.asarray(U, np.float64)
    f = [count / sum(counts) for count in counts]
    t = pairs.subsample
    keep = [min(1, math.sqrt(t / x) + t / x) if t > 0 else 1 for x in f]
    kept = [count * k for count, k in zip(counts, keep, strict=True)]
    noise = [count**noise_exponent for count in counts]
    noise = [weight / sum(noise) for weight in noise]
    own, cross_entropy, unigram = [], [], []
    self_normalised, log_partitions, confidence, hits = [], [], [], []
    for i, c in enumerate(pairs.centers):
        for o in pairs.outsides[pairs.offsets[i] : pairs.offsets[i + 1]]:
            logits = U @ V[c]
            if loss_name == "naive_softmax":
                probabilities = softmax(logits)
                probability = probabilities[o]
                own.append(-math.log(probability))
            else:
                weights = [p * math.exp(s) for p, s in zip(noise, logits, strict=True)]
                probabilities = [weight / sum(weights) for weight in weights]
                probability = probabilities[o]
                self_normalised.append(-math.log(negatives * weights[o]))
                log_partitions.append(math.log(negatives * sum(weights)))
                expected = sum(
                    p * -math.log(sigmoid(-s)) for p, s in zip(noise, logits, strict=True)
                )
                own.append(-math.log(sigmoid(logits[o])) + negatives * expected)
            cross_entropy.append(-math.log(probability))
            unigram.append(-math.log(kept[o] / sum(kept)))
            confidence.append(max(probabilities))
            hits.append(o == np.argmax(probabilities))
    metrics = {
        "valid/loss": np.mean(own),
        "valid/cross_entropy": np.mean(cross_entropy),
        "valid/cross_entropy_unigram": np.mean(unigram),
        "valid/perplexity": math.exp(np.mean(cross_entropy)),
        "valid/calibration_error": calibration_error(confidence, hits),
    }
    if loss_name == "negative_sampling":
        metrics["valid/cross_entropy_self_normalised"] = np.mean(self_normalised)
        metrics["valid/log_partition_mean"] = np.mean(log_partitions)
        metrics["valid/log_partition_standard_deviation"] = np.std(log_partitions)
    return metrics


def calibration_error(confidence, hits, bins=10):
    """Event by event; those of the same confidence are in the bin of the one in their middle."""
    levels = [round(p, 12) for p in confidence]
    binned = collections.defaultdict(list)
    for p, hit in zip(levels, hits, strict=True):
        below = sum(q < p for q in levels)
        binned[int((below + levels.count(p) / 2) * bins / len(levels))].append((p, hit))
    gaps = [abs(sum(hit - p for p, hit in events)) for events in binned.values()]
    return sum(gaps) / len(levels)


def resampled_accuracy(right, first, second, multiplicity):
    """Each question as often as its pairs are drawn together; mean over seeds (rows)."""
    asked = []
    for question, (i, j) in enumerate(zip(first, second, strict=True)):
        asked += [question] * int(multiplicity[i] * multiplicity[j])
    return np.mean([[row[question] for question in asked] for row in right])


def spearman(x, y):
    def ranks(values):
        return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]

    return np.corrcoef(ranks(x), ranks(y))[0, 1]


def isotropy(vectors):
    """Partition function along each eigenvector both ways; cosine of each two words."""
    vectors = np.asarray(vectors, np.float64)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    z = [sum(math.exp(s * a @ v) for v in vectors) for a in directions.T for s in (1, -1)]
    some = [v for v in vectors if np.any(v)]
    return min(z) / max(z), np.mean([cosine(a, b) for a, b in itertools.combinations(some, 2)])


def common_neighbours(a, b, word, k):
    def nearest(vectors):
        others = [other for other in range(len(vectors)) if other != word]
        return set(sorted(others, key=lambda o: -cosine(vectors[o], vectors[word]))[:k])

    return len(nearest(a) & nearest(b)) / k


# --- corpus -----------------------------------------------------------------------------------


def read_sentences(text, tokenizer, max_sentence_length):
    """Sentences of a text: a line each, long ones cut, empty ones left out."""
    sentences = []
    for line in text.replace("\r", "\n").split("\n"):
        words = tokenizer(line)
        for start in range(0, len(words), max_sentence_length):
            sentences.append(words[start : start + max_sentence_length])
    return sentences


def build_vocabulary(sentences, min_count, max_vocabulary=None):
    """Pairs (word, count) by falling count, ties by word."""
    counts = collections.Counter(word for sentence in sentences for word in sentence)
    kept = [(word, count) for word, count in counts.items() if count >= min_count]
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:max_vocabulary]


def split(sentences, heldout_blocks, min_count, max_vocabulary):
    """Vocabulary, training and held-out sentences, for blocks of one sentence."""
    training = [s for s, out in zip(sentences, heldout_blocks, strict=True) if not out]
    heldout = [s for s, out in zip(sentences, heldout_blocks, strict=True) if out]
    heldout = [s for s in heldout if s not in training]
    vocabulary = build_vocabulary(training, min_count, max_vocabulary)
    words = {word for word, _ in vocabulary}

    def known(part):
        found = [[word for word in sentence if word in words] for sentence in part]
        return [sentence for sentence in found if sentence]

    return vocabulary, known(training), known(heldout)


def pair_weight(keep_between, window, shrink):
    """What two tokens weigh that are kept: from the probabilities of the words between them."""
    chances = [1.0]  # chances[b]: that b of the words so far are kept
    for keep in keep_between:
        stay = [chance * (1 - keep) for chance in chances] + [0.0]
        move = [0.0] + [chance * keep for chance in chances]
        chances = [a + b for a, b in zip(stay, move, strict=True)]
    if shrink:
        return sum(chance * max(0, window - b) / window for b, chance in enumerate(chances))
    return sum(chances[:window])


def cooccurrence_counts(sentences, keep, window, shrink, cutoff=0.0):
    """Expected counts of all pairs of words, (V, V)."""
    counts = np.zeros((len(keep), len(keep)))
    for sentence in sentences:
        for i, j in itertools.combinations(range(len(sentence)), 2):
            weight = pair_weight([keep[w] for w in sentence[i + 1 : j]], window, shrink)
            if weight >= cutoff:
                c, o = sentence[i], sentence[j]
                counts[c, o] += keep[c] * keep[o] * weight
                counts[o, c] += keep[c] * keep[o] * weight
    return counts
