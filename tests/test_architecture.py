"""The public surface, what an import must not load, and how large things may become."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from source_counts import FUNCTIONS, Source, fields_of, is_property, judged_types, methods_of

import openrouter_embeddings
from openrouter_embeddings import errors

PACKAGE = Path(openrouter_embeddings.__file__).parent
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): path for path in PACKAGE.rglob("*.py")
}
SOURCES = [Source.read(path, PACKAGE) for path in MODULES.values()]
CLASSES = [(source.name, node) for source in SOURCES for node in source.nodes(ast.ClassDef)]
EXTRAS = {
    *("typer", "rich", "click", "pyarrow", "pandas", "PIL", "wordllama", "starlette", "uvicorn"),
    *("pydantic", "numpy", "pybase64", "msgspec", "dateutil", "openrouter_embeddings_api"),
}
OURS = "openrouter_embeddings"
OF_CALLS = {
    f"{OURS}.{name}"
    for name in ("inputs", "values", "events", "_request.call", "_request.operations")
}
OF_LISTINGS = {f"{OURS}.catalog", f"{OURS}._request.models", f"{OURS}_api.models.model"}
OF_RUNS = {f"{OURS}.{name}" for name in ("cache", "_bulk.options", "_bulk.run", "_bulk.threads")}
OF_THE_OTHER_CLIENT = {"asyncio", f"{OURS}._bulk.tasks"}
OF_MESSAGES = {"difflib"}
NOT_OF_CALLS = OF_LISTINGS | OF_RUNS | OF_THE_OTHER_CLIENT | OF_MESSAGES
# Nobody listens at a port that is only bound.
REFUSED_CALL = """
import socket
from openrouter_embeddings import NoResponseError, OpenRouter
with socket.socket() as bound:
    bound.bind(("127.0.0.1", 0))
    url = "http://127.0.0.1:%d" % bound.getsockname()[1]
    with OpenRouter("k", base_url=url, retries=None) as client:
        try:
            client.embeddings.generate(input="text", model="m")
        except NoResponseError:
            pass
"""


def _is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize(
    "statement",
    [
        "import openrouter_embeddings",
        "from openrouter_embeddings import OpenRouter; OpenRouter('k').close()",
        "from openrouter_embeddings import OpenRouter; OpenRouter('k').embeddings.generate",
    ],
)
def test_nothing_heavy_is_loaded_before_the_first_call(statement):
    """Neither numpy nor any extra, nor the generated models, nor what runs and asyncio need.

    httpx loads click and rich for its own command line where it finds them; that is not ours.
    """
    loaded = loaded_by(statement)
    late = EXTRAS | OF_CALLS | NOT_OF_CALLS

    assert OURS in loaded
    assert not late & (loaded - loaded_by("import httpx"))


def test_a_single_call_loads_what_it_needs_and_no_more():
    """What runs, listings and the asynchronous client stand on comes with the first of them."""
    loaded = loaded_by(REFUSED_CALL)

    assert OF_CALLS | {"numpy"} <= loaded
    assert not NOT_OF_CALLS & (loaded - loaded_by("import httpx"))


def test_httpx_comes_with_the_first_client():
    """A program that imports the package and makes no client does not pay for it."""
    assert "httpx" not in loaded_by("from openrouter_embeddings import AsyncOpenRouter, OpenRouter")
    assert "httpx" in loaded_by("from openrouter_embeddings import OpenRouter; OpenRouter('k')")


def loaded_by(statement):
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_every_module_says_in_one_line_what_is_in_it():
    """A reader finds the room by its first line."""
    for name, path in MODULES.items():
        line = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        assert line.endswith((".", ":")), name
        assert 20 < len(line) <= 97, name


def test_the_public_surface_is_sorted_and_documented():
    """Whoever adds a name decides that it is a promise."""
    names = openrouter_embeddings.__all__

    assert names == sorted(names)
    aliases = {"EncodingFormat", "Event", "Input", "OnError", "OnLong", "Part", "TokenIds"}
    aliases |= {"__version__"}
    for name in set(names) - aliases:
        assert getattr(openrouter_embeddings, name).__doc__, name


def test_the_names_of_the_vendors_sdk_are_there():
    """A user switches by changing an import."""
    for name in ("OpenRouter", "AsyncOpenRouter", "RetryConfig", "OpenRouterDefaultError"):
        assert name in openrouter_embeddings.__all__
    assert {"generate", "list_models"} <= set(dir(openrouter_embeddings.Embeddings))


def test_typing_information_is_shipped():
    """Both packages say that they are typed."""
    import openrouter_embeddings_api

    assert (PACKAGE / "py.typed").exists()
    assert (Path(openrouter_embeddings_api.__file__).parent / "py.typed").exists()


def test_lazy_names_are_those_that_type_checkers_see():
    """The names that are loaded on first use are found where type checkers find them."""
    tree = ast.parse(MODULES["__init__"].read_text(encoding="utf-8"))
    block = next(node for node in tree.body if _is_type_checking(node))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    seen.pop("ModuleType")

    assert {*seen, "__version__"} == set(openrouter_embeddings.__all__)
    for name, module in seen.items():
        assert getattr(openrouter_embeddings, name) is getattr(import_module(module), name)
        assert name in import_module(module).__all__
    assert dir(openrouter_embeddings) == sorted(openrouter_embeddings.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        openrouter_embeddings.Nonsense  # noqa: B018 - reading it is the point


JUDGEMENTS = {
    kind.__name__
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, errors.OpenRouterError)
    and not issubclass(kind, errors.ConfigurationError)
} - {"OpenRouterError"}
"""Errors that mean something; a ConfigurationError is the caller's and is told as it is."""

JUDGES = ("_request/verdicts", "contract/")  # the latter judges servers with eyes of its own


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_errors_are_judged_in_one_place(source):
    """Whoever wants to know what an error means asks `_request/verdicts`."""
    judged = judged_types(source.tree) & JUDGEMENTS

    assert judged == set() or source.name.startswith(JUDGES)


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(error, VectorError)",
        "isinstance(error, (OSError, errors.VectorError))",
        "FATAL = (VectorError,)\nisinstance(error, FATAL)",
        "issubclass(kind, OSError | VectorError)",
        "match error:\n    case VectorError():\n        pass",
        "try:\n    pass\nexcept VectorError:\n    pass",
    ],
)
def test_a_judgement_is_recognised(code):
    """The test above would see it."""
    assert "VectorError" in judged_types(ast.parse(code)) & JUDGEMENTS


def test_the_lobby_has_at_most_twenty_files():
    """What a user touches, and nothing else."""
    assert len(list(PACKAGE.glob("*.py"))) <= 20


def test_a_room_has_at_most_sixteen_files_beside_its_door():
    """Beyond that it is a corridor again."""
    counts = Counter(s.room for s in SOURCES if not s.name.endswith("__init__"))
    counts.pop("")

    assert {room: count for room, count in counts.items() if count > 16} == {}


def test_a_file_has_at_most_400_lines():
    """Docstrings do not count: they are to be long enough."""
    assert {s.name: s.length for s in SOURCES if s.length > 400} == {}


@pytest.mark.parametrize(("name", "class_"), CLASSES, ids=[f"{n}:{c.name}" for n, c in CLASSES])
def test_a_class_with_behaviour_stays_small(name, class_):
    """At most 12 fields and 20 methods; a record with nothing but properties may have more."""
    fields, methods = len(fields_of(class_)), methods_of(class_)
    fits = all(map(is_property, methods)) or (fields <= 12 and len(methods) <= 20)

    assert fits


def test_functions_are_short():
    """Their bodies have a median of at most 5 lines, and 90 % are under 15."""
    bodies = [s.body_of(function) for s in SOURCES for function in s.nodes(*FUNCTIONS)]

    assert statistics.median(bodies) <= 5
    assert statistics.quantiles(bodies, n=10)[-1] < 15
