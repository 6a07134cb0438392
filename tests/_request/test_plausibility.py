"""Numbers that can be what they claim: wrong types are told, and no real vector is refused."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from openrouter_embeddings._request import plausibility
from openrouter_embeddings._request.plausibility import (
    LEAST,
    MOST,
    find_wrong_type,
    is_one_for_all,
)

DRAW = np.random.default_rng(20261126)


@pytest.fixture(autouse=True)
def _drawn_anew(monkeypatch):
    """Whatever ran before in the same process."""
    monkeypatch.setitem(globals(), "DRAW", np.random.default_rng(20261126))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def shapes(count, width):
    """Draw vectors of the distributions that models give, and of some that they might."""
    normal = DRAW.standard_normal((count, width))
    rogue = normal.copy()
    rogue[:, :2] *= 300
    sparse = np.where(DRAW.random((count, width)) < 0.9, 0.0, normal)
    sparse[:, 0] = 1.0
    return {
        "normal": unit(normal),
        "uniform": DRAW.random((count, width)) + 0.01,
        "laplace": unit(DRAW.laplace(size=(count, width))),
        "log-normal": unit(np.exp(2 * normal) * np.sign(normal[:, ::-1])),
        "rogue dimensions": unit(rogue),
        "sparse": sparse,
        "rectified": np.maximum(normal, 0),
        "saturated": np.tanh(5 * normal),
        "signs": np.sign(normal) / np.sqrt(width),
    }


def bfloat16(rows):
    return (rows.astype("<f4").view(np.uint32) >> 16).astype("<u2")


def widened(rows):
    return (bfloat16(rows).astype("<u4") << 16).view("<f4")


def eight_bits(rows):
    return np.round(rows / np.abs(rows).max() * 127)


RIGHT = {
    "float32": lambda rows: rows.astype("<f4"),
    "float16 widened": lambda rows: rows.astype("<f2").astype("<f4"),
    "bfloat16 widened": widened,
    "int8 as float32": lambda rows: eight_bits(rows).astype("<f4"),
    "rounded": lambda rows: np.round(rows, 4).astype("<f4"),
}
WRONG = {
    "float64": lambda rows: rows.astype("<f8"),
    "float64 of float32": lambda rows: rows.astype("<f4").astype("<f8"),
    "float64 of float16": lambda rows: rows.astype("<f2").astype("<f8"),
    "float64 of bfloat16": lambda rows: widened(rows).astype("<f8"),
    "float16": lambda rows: rows.astype("<f2"),
    "bfloat16": bfloat16,
    "big-endian float32": lambda rows: rows.astype(">f4"),
    "big-endian float64": lambda rows: rows.astype(">f8"),
    "big-endian float16": lambda rows: rows.astype(">f2"),
    "big-endian float32 of float16": lambda rows: rows.astype("<f2").astype(">f4"),
    "big-endian float32 of bfloat16": lambda rows: widened(rows).astype(">f4"),
    "int8": lambda rows: eight_bits(rows).astype("i1"),
    "uint8": lambda rows: (eight_bits(rows) + 128).astype("u1"),
    "bits": lambda rows: np.packbits(rows > 0, axis=1),
    "int16": lambda rows: np.round(rows / np.abs(rows).max() * 32767).astype("<i2"),
    "int32": lambda rows: eight_bits(rows).astype("<i4"),
}


def looks_wrong(matrix):
    """Say whether a matrix of bytes that were taken for float32 is refused as a whole."""
    with np.errstate(all="ignore"):
        largest = np.nan_to_num(np.abs(matrix.astype(np.float64)), nan=np.inf).max(axis=1)
    sized = ((largest > LEAST) & (largest < MOST)) | (largest == 0)
    return find_wrong_type(matrix) is not None or not sized.all()


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("width", [64, 256, 1024, 1536, 4096])
def test_vectors_of_models_are_never_refused(width, count):
    """Of every distribution, widened from other types, of norms from 1e-5 to 1e5."""
    for name, rows in shapes(count, width).items():
        for kind, convert in RIGHT.items():
            for norm in (1e-5, 1e-2, 1.0, 1e2, 1e5) if kind == "float32" else (1.0,):
                matrix = (convert(rows) * np.float32(norm)).astype("<f4")

                assert not looks_wrong(matrix), (name, kind, norm)


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("width", [512, 768, 1024, 1536])
@pytest.mark.parametrize("kind", WRONG)
def test_numbers_of_other_types_are_told(kind, width, count):
    """Their bytes are float32 values too; of signs, or of few numbers, it cannot be told always."""
    for name, rows in shapes(count, width).items():
        if name in {"signs", "sparse"}:
            continue
        raw = np.ascontiguousarray(WRONG[kind](rows)).view(np.uint8).reshape(count, -1)
        matrix = raw.view("<f4")

        assert looks_wrong(matrix), name


@pytest.mark.parametrize("width", [256, 1536])
def test_hex_digits_are_told(width):
    """They are base64 text as well, of one and a half times the width."""
    for name, rows in shapes(3, width).items():
        texts = [row.astype("<f4").tobytes().hex() for row in rows]
        matrix = np.stack([np.frombuffer(base64.b64decode(text), "<f4") for text in texts])

        assert looks_wrong(matrix), name


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["a fox", "a dog", "a cat"], True),
        (["a fox", "a dog"], False),
        (["A Fox", "a fox", "fox, a!"], False),
        (["A Fox", "a fox", "a dog"], False),
        (["x" * 300 + str(n) for n in range(5)], False),
        ([f"{n} " + "x" * 300 for n in range(5)], True),
        ([[1, 2], [3], [4, 5]], True),
        ([[1], [1], [1]], False),
    ],
    ids=str,
)
def test_one_vector_for_different_inputs_is_recognised(inputs, expected):
    """Two may mean the same, and so may spellings of one text; three different ones do not."""
    matrix = np.ones((len(inputs), 8), np.float32)

    assert is_one_for_all(matrix, inputs) is expected


def test_different_vectors_are_not_one():
    """Neither at the ends nor in the middle."""
    matrix = np.ones((4, 8), np.float32)
    matrix[1, 3] = 2.0

    assert not is_one_for_all(matrix, ["a", "b", "c", "d"])


@pytest.mark.parametrize("width", [8, 64, 256, 1536])
@pytest.mark.parametrize("kind", [*RIGHT, *WRONG])
def test_a_quick_look_changes_no_verdict(kind, width, monkeypatch):
    encode = (RIGHT | WRONG)[kind]
    for count in (1, 3):
        for rows in shapes(count, width).values():
            raw = np.ascontiguousarray(encode(rows)).tobytes()
            read = np.frombuffer(raw[: len(raw) // (4 * count) * 4 * count], "<f4")
            if not read.size:
                continue
            matrix = read.reshape(count, -1)
            with monkeypatch.context() as patch:
                patch.setattr(plausibility, "_is_usual", lambda *_: False)
                expected = find_wrong_type(matrix)
            assert find_wrong_type(matrix) == expected


def test_a_quick_look_is_enough_for_usual_vectors(monkeypatch):
    monkeypatch.setattr(plausibility, "_are_pairs", None)
    matrix = unit(DRAW.standard_normal((100, 1536))).astype(np.float32)
    assert find_wrong_type(matrix) is None
