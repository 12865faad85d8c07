"""The mathematics of word2vec, as derived in docs/derivations.md."""

from nw2v.losses.activations import log_sigmoid, logsumexp, sigmoid, softmax, softplus
from nw2v.losses.batch import batch_loss_and_gradient
from nw2v.losses.naive_softmax import naive_softmax_loss_and_gradient
from nw2v.losses.negative_sampling import negative_sampling_loss_and_gradient
from nw2v.losses.objectives import (
    LOSSES,
    Loss,
    NaiveSoftmax,
    NegativeSampling,
    loss_names,
    make_loss,
)
from nw2v.losses.skipgram import skipgram_loss_and_gradient

__all__ = [
    "LOSSES",
    "Loss",
    "NaiveSoftmax",
    "NegativeSampling",
    "batch_loss_and_gradient",
    "log_sigmoid",
    "logsumexp",
    "loss_names",
    "make_loss",
    "naive_softmax_loss_and_gradient",
    "negative_sampling_loss_and_gradient",
    "sigmoid",
    "skipgram_loss_and_gradient",
    "softmax",
    "softplus",
]
