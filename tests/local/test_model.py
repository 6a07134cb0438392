"""The embedded model: its vectors, its tokens and what it refuses."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.local import CONTEXT_LENGTH, LocalModel

pytestmark = pytest.mark.local_model

SENTENCES = [
    "The cat sat on the mat",
    "Dogs are loyal companions",
    "Python is a programming language",
    "Machine learning models require training data",
    "The weather is sunny today",
]
MIXED = [
    "a",
    "Ein längerer Satz mit Umlauten: äöü",
    "🦊 日本",
    "word " * 3000,
    "\n",
    "x" * 200,
] * 30


@pytest.fixture(scope="module")
def model():
    return LocalModel.load()


def reference(texts, width):
    """Embed with WordLlama's own code."""
    import wordllama

    loaded = wordllama.WordLlama.load(
        dim=256,
        trunc_dim=width,
        cache_dir=Path(wordllama.__file__).parent,
        disable_download=True,
    )
    return np.concatenate([loaded.embed(text, norm=True) for text in texts])


@pytest.mark.parametrize("width", [64, 128, 256])
def test_vectors_are_those_of_wordllama(model, width):
    """Every width gives what WordLlama's own pooling gives, whatever the lengths in a batch."""
    vectors = model.embed(MIXED, width)

    assert vectors.shape == (len(MIXED), width)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[:6], reference(MIXED[:6], width), atol=1e-6)
    np.testing.assert_allclose(vectors, np.tile(vectors[:6], (30, 1)), atol=1e-6)


@pytest.mark.parametrize("width", [64, 128, 256])
def test_vectors_have_unit_length(model, width):
    """A shortened vector is brought back to unit length."""
    lengths = np.linalg.norm(model.embed(SENTENCES, width), axis=1)

    np.testing.assert_allclose(lengths, 1.0, atol=1e-6)


def test_similar_texts_are_near(model):
    """A question about pets finds the dogs first and the cat second."""
    scores = model.embed(SENTENCES) @ model.embed(["pets and animals"])[0]

    assert [SENTENCES[i] for i in np.argsort(-scores)[:2]] == [
        "Dogs are loyal companions",
        "The cat sat on the mat",
    ]


def test_batch_and_single_agree(model):
    """A text's vector does not depend on its neighbours."""
    alone = np.concatenate([model.embed([text]) for text in MIXED[:12]])

    assert (model.embed(MIXED)[:12] == alone).all()


def test_no_texts_give_no_rows(model):
    """An empty list gives a matrix without rows."""
    assert model.embed([], 64).shape == (0, 64)


def test_tokens_stand_for_the_text(model):
    """Tokens of a text embed like the text, count like it, and decode to it."""
    tokens = model.tokenize(SENTENCES)

    assert model.count_tokens(SENTENCES) == [len(ids) for ids in tokens]
    assert model.count_tokens(["hello world", "a red fox", "x " * 50])[0] == 2
    assert [model.decode(ids) for ids in tokens] == SENTENCES
    assert (model.embed_tokens([ids.tolist() for ids in tokens]) == model.embed(SENTENCES)).all()


def test_load_reads_the_weights_once():
    """Loading again gives the same model."""
    assert LocalModel.load() is LocalModel.load()


def test_load_leaves_the_root_logger_alone():
    """WordLlama's handler does not reach the application's logs."""
    code = (
        "import logging; from openrouter_embeddings.local import LocalModel; LocalModel.load();"
        "root = logging.getLogger(); print(len(root.handlers), root.level)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.split() == ["0", str(logging.WARNING)]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a", ""], "texts[1] must not be empty"),
        (["a", None], "texts[1] must be text"),
        (["\ud800"], "texts[0] holds half of a surrogate pair"),
        (["a b " * CONTEXT_LENGTH], "texts[0] is too long"),
        (["x" * 50_000_000], "texts[0] is too long"),
    ],
    ids=["empty", "none", "surrogate", "long", "huge"],
)
def test_unusable_texts_are_named(model, texts, words):
    """A text that cannot be embedded is refused by its position; nothing is cut in silence."""
    with pytest.raises(ConfigurationError) as caught:
        model.embed(texts)

    assert words in str(caught.value)


def test_the_longest_text_is_taken_whole(model):
    """A text of exactly the most tokens is embedded with its last token."""
    tokens = [5] * (CONTEXT_LENGTH - 1)

    assert (model.embed_tokens([[*tokens, 5]]) != model.embed_tokens([[*tokens, 900]])).any()


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ([[1], []], "tokens[1] must hold at least one token"),
        ([[1, 32_000]], "tokens[0] holds a token id that is not from 0 to 31999: int 32000"),
        ([[-1, 5]], "tokens[0] holds a token id that is not from 0 to 31999: int -1"),
        ([[1.5]], "tokens[0] must be integers"),
        ([[1] * (CONTEXT_LENGTH + 1)], "tokens[0] is too long"),
    ],
    ids=["none", "large", "negative", "floating", "long"],
)
def test_unusable_tokens_are_named(model, tokens, words):
    """Token ids that the model does not have are refused by position."""
    with pytest.raises(ConfigurationError) as caught:
        model.embed_tokens(tokens)

    assert words in str(caught.value)


@pytest.mark.parametrize("width", [0, 100, 512, 64.0, True])
def test_unknown_widths_are_refused(model, width):
    """Only the widths that the model was trained for are given."""
    with pytest.raises(ConfigurationError, match="dimensions"):
        model.embed(["a"], width)


def test_repr_is_short(model):
    """The representation names the size and not the weights."""
    assert repr(model) == "LocalModel(32000 tokens, 256 dimensions)"
