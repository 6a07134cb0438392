"""The demonstration: the Python language reference in passages, and three questions to it."""

from __future__ import annotations

import pydoc_data.topics
import re
from typing import TYPE_CHECKING, cast

from attrs import frozen

from openrouter_embeddings.cli._index import most_similar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from openrouter_embeddings.client import OpenRouter

QUESTIONS: Mapping[str, str] = {
    "How can I stop a loop early?": "break",
    "What does a function without a return statement give back?": "return",
    "How do I divide integers and get the remainder?": "binary",
}
"""Questions, and the topic of the reference that answers each."""

_LEAST_CHARACTERS = 80
_MOST_CHARACTERS = 600


@frozen
class Hit:
    """A passage that was found."""

    similarity: float
    topic: str
    text: str


@frozen
class Answer:
    """The passages nearest to a question."""

    question: str
    expected: str
    hits: Sequence[Hit]

    @property
    def is_right(self) -> bool:
        """Say whether the first hit comes from the topic that answers the question."""
        return self.hits[0].topic == self.expected


def passages() -> list[tuple[str, str]]:
    """Cut the language reference into passages of a few sentences.

    Returns:
        Pairs of topic and passage, in a stable order.
    """
    topics = cast("Mapping[str, str]", pydoc_data.topics.topics)
    return [(topic, text) for topic in sorted(topics) for text in _cut(topics[topic])]


def _cut(article: str) -> list[str]:
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", article):
        text = " ".join(paragraph.split())
        if found and (len(found[-1]) < _LEAST_CHARACTERS or len(text) < _LEAST_CHARACTERS):
            found[-1] = f"{found[-1]} {text}"
        elif text:
            found.append(text)
    return [text[start : start + _MOST_CHARACTERS] for text in found for start in _starts(text)]


def _starts(text: str) -> range:
    return range(0, len(text), _MOST_CHARACTERS)


def ask(
    client: OpenRouter,
    vectors: NDArray[np.float32],
    texts: Sequence[tuple[str, str]],
    model: str,
    count: int = 3,
) -> list[Answer]:
    """Answer the questions by similarity.

    Args:
        client: The client that embeds the questions.
        vectors: The passages' vectors, float32 of shape ``(n, dimensions)``.
        texts: The topics and passages, in the same order.
        model: The model that embedded them.
        count: How many hits for each question.
    """
    response = client.embeddings.generate(input=list(QUESTIONS), model=model)
    answers = []
    for (question, expected), query in zip(QUESTIONS.items(), response.vectors, strict=True):
        hits = [
            Hit(similarity, *texts[row]) for row, similarity in most_similar(vectors, query, count)
        ]
        answers.append(Answer(question, expected, hits))
    return answers
