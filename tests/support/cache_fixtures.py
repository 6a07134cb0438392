"""Vectors that follow from a number, their keys, and processes that store them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import openrouter_embeddings
from openrouter_embeddings.cache import cache_key

SOURCES = Path(openrouter_embeddings.__file__).parents[1]
GENERATED = SOURCES.parent / "generated"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (SOURCES, GENERATED)))}
MODEL = "test/embedding"


def key_of(number, model=MODEL):
    return cache_key(model=model, item=f"text {number}")


def vector_of(number, width=8):
    return np.random.default_rng(number).standard_normal(width, dtype=np.float32)


def vectors_of(numbers, width=8, model=MODEL):
    return {key_of(number, model): vector_of(number, width) for number in numbers}


def same(actual, expected):
    return actual.keys() == expected.keys() and all(
        actual[key].dtype == np.float32 and actual[key].tobytes() == vector.tobytes()
        for key, vector in expected.items()
    )


def files_of(path, ending):
    """The files of a cache that end so, the oldest first."""
    return sorted(file for file in path.iterdir() if file.name.endswith(ending))


def start(script, *arguments):
    """Run a script in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
