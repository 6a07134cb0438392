"""Replies broken at random: in their bytes, and in their structure."""

from __future__ import annotations

import json

ODD = [
    *(None, True, False, 0, 1, -1, 3, 1e400, -1e400, float("nan"), 1e39, 2**70, 0.5),
    *("", "0", "null", "AAAA", "AACAPwAAgD8=", "!!!!", "\ud800", "x" * 5_000),
    *([], [[]], [None], [0.0, 0.0], {}, {"a": 1}, {"error": {}}),
]


def mutated(body, draw):
    """Break a body once or a few times."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        body = draw.choice([_bytes, _structure, _structure, _structure])(body, draw)
    return body


def _bytes(body, draw):
    if not body:
        return b"{"
    place, depth = draw.randrange(len(body)), draw.choice([10, 2_000, 100_000])
    ends = [b"}", b"\n", b"\x00", body[:50], b"data: [DONE]"]
    starts = [b"\xef\xbb\xbf", b" \n", b"\xff", b"["]
    return draw.choice(
        [
            body[:place],
            body[:place] + bytes([draw.randrange(256)]) + body[place + 1 :],
            body[:place] + body[place + draw.randrange(1, 30) :],
            body + draw.choice(ends),
            draw.choice(starts) + body,
            b"[" * depth + body + b"]" * depth,
        ]
    )


def _structure(body, draw):
    try:
        root = json.loads(body)
        places = list(_places(root))
    except (ValueError, RecursionError):
        # How deep json can read depends on the Python: 3.14 reads deeper than this can walk.
        return body
    if not places:
        return body
    owner, key = draw.choice(places)
    _change(owner, key, draw)
    return json.dumps(root).encode("utf-8", "surrogatepass")


def _places(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield value, key
            yield from _places(inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield value, place
            yield from _places(inner)


def _change(owner, key, draw):
    kind = draw.randrange(6)
    if kind == 0:
        del owner[key]
    elif kind == 1 and isinstance(owner, list):
        owner.insert(draw.randrange(len(owner) + 1), owner[key])
    elif kind == 2 and isinstance(owner, list):
        draw.shuffle(owner)
    elif kind == 3 and isinstance(owner, dict):
        owner[draw.choice(["index", "data", "embedding", "error", "new"])] = owner[key]
    else:
        owner[key] = draw.choice(ODD)
