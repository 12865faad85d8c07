"""Word vectors: queries and file formats."""

from nw2v.vectors.model_file import SavedModel, load_model, save_model
from nw2v.vectors.near_words import UnknownWordError
from nw2v.vectors.storage import vector_formats
from nw2v.vectors.table import Table
from nw2v.vectors.word_vectors import WordVectors

__all__ = [
    "SavedModel",
    "Table",
    "UnknownWordError",
    "WordVectors",
    "load_model",
    "save_model",
    "vector_formats",
]
