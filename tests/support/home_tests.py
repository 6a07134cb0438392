"""What every home keeps, whatever its framework; its own tests inherit this."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from openrouter_embeddings import (
    BadRequestResponseError,
    ConfigurationError,
    OpenRouter,
    OpenRouterError,
)
from openrouter_embeddings.integrations import _calls
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
OURS = {"attr", "attrs", "h11", "httpx", "numpy", "openrouter_embeddings", "pybase64", "dateutil"}
LOADED = """
import sys
{statement}
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def loaded_by(statement):
    """Name the top packages that a statement loads."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    return set(done.stdout.split())


def sockets():
    """Count the open sockets of this process, as Linux lists them."""
    kinds = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            kinds.append(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    return sum(kind.startswith("socket:") for kind in kinds)


def noting(made, kind):
    """Make a class like another one that notes in a list what is made of it."""

    class Noted(kind):
        def __init__(self, *args, **options):
            made.append(kind.__name__)
            super().__init__(*args, **options)

    return Noted


def inputs_of(server):
    """List what the server was asked to embed, request by request."""
    return [request.body["input"] for request in server.requests if request.body]


def types_of(server):
    return [request.body.get("input_type") for request in server.requests if request.body]


class HomeTests:
    """Tests of a home that is made by `make` and called as its framework does.

    A subclass says what `module` it is and which statement imports its `library`, makes one with
    `make`, and says how documents and a query go in and their vectors come out.
    """

    module: str
    library: str
    is_async = True

    def make(self, **settings):
        raise NotImplementedError

    def documents(self, home, texts):
        raise NotImplementedError

    def query(self, home, text):
        raise NotImplementedError

    async def adocuments(self, home, texts):
        raise NotImplementedError

    async def aquery(self, home, text):
        raise NotImplementedError

    def own_error(self, caught):
        """Find our error in what a framework makes of it."""
        return caught

    def with_prefixes(self):
        return self.make(query_prefix="query: ", document_prefix="passage: ")

    def test_documents_and_a_query_have_their_vectors(self, at_home):
        home = self.make()
        found = self.documents(home, ["a red fox", "a brown dog"])

        np.testing.assert_allclose(
            found, [at_home.vector("a red fox"), at_home.vector("a brown dog")]
        )
        np.testing.assert_allclose(self.query(home, "a fox"), at_home.vector("a fox"))

    def test_a_query_and_a_document_are_told_apart(self, at_home):
        home = self.make()
        self.documents(home, ["a red fox"])
        self.query(home, "a red fox")

        assert types_of(at_home) == ["search_document", "search_query"]

    def test_a_model_without_input_types_is_told_none(self, at_home):
        home = self.make(query_type=None, document_type=None)
        self.documents(home, ["a red fox"])
        self.query(home, "a red fox")

        assert types_of(at_home) == [None, None]

    def test_prefixes_stand_before_each_text(self, at_home):
        home = self.with_prefixes()
        self.documents(home, ["a red fox", "a dog"])
        self.query(home, "a fox")

        assert inputs_of(at_home) == [["passage: a red fox", "passage: a dog"], ["query: a fox"]]

    def test_width_and_options_go_along(self, at_home):
        home = self.make(dimensions=4, options={"provider": {"only": ["here"]}})

        assert np.shape(self.documents(home, ["a red fox"])) == (1, 4)
        assert np.shape(self.query(home, "a fox")) == (4,)
        bodies = [request.body for request in at_home.requests]
        assert [body["dimensions"] for body in bodies] == [4, 4]
        assert [body["provider"] for body in bodies] == [{"only": ["here"]}] * 2

    def test_an_unknown_option_is_named(self, at_home):
        with pytest.raises(Exception, match=r"options.*'cach'") as caught:
            self.documents(self.make(options={"cach": "vectors.cache"}), ["a red fox"])

        assert isinstance(self.own_error(caught.value), ConfigurationError)
        assert at_home.requests == ()

    def test_a_text_that_fails_alone_raises_its_own_error(self, monkeypatch):
        with FaultServer(poison={"poison"}) as server:
            monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
            monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
            for call, given in ((self.documents, ["poison"]), (self.query, "poison")):
                with pytest.raises(Exception, match=r"refused|poison|400") as caught:
                    call(self.make(), given)
                assert type(self.own_error(caught.value)) is BadRequestResponseError

    def test_a_fault_is_right_vectors_or_an_error(self, at_home):
        expected = [at_home.vector("a red fox"), at_home.vector("a brown dog")]
        home = self.make(options={"retries": None})
        at_home.always(faults.reordered())
        np.testing.assert_allclose(self.documents(home, ["a red fox", "a brown dog"]), expected)
        at_home.always(faults.nan())
        with pytest.raises(Exception, match="finite") as caught:
            self.documents(home, ["a red fox", "a brown dog"])
        assert isinstance(self.own_error(caught.value), OpenRouterError)

    def test_a_client_of_the_callers_is_used(self, at_home, monkeypatch):
        monkeypatch.delenv("OPENROUTER_API_KEY")
        with OpenRouter(at_home.api_key, base_url=at_home.base_url, title="Mine") as client:
            home = self.make(client=client)
            self.documents(home, ["a red fox"])
            self.query(home, "a fox")

        titles = [request.headers["x-openrouter-title"] for request in at_home.requests]
        assert titles == ["Mine", "Mine"]

    def test_a_place_that_is_said_is_asked(self, at_home, monkeypatch):
        monkeypatch.setenv("OPENROUTER_BASE_URL", "https://nowhere.invalid/v1")
        home = self.make(base_url=at_home.base_url)
        self.documents(home, ["a red fox"])
        self.query(home, "a fox")

        assert inputs_of(at_home) == [["a red fox"], ["a fox"]]

    def test_connections_are_kept_from_call_to_call(self, at_home, monkeypatch):
        made = []
        for kind in ("OpenRouter", "AsyncOpenRouter"):
            monkeypatch.setattr(_calls, kind, noting(made, getattr(_calls, kind)))
        home = self.make()
        for _ in range(3):
            self.documents(home, ["a red fox"])

        assert len(made) == 1

    async def test_what_is_awaited_holds_up_no_event_loop(self, at_home, monkeypatch):
        def fail(*_, **__):
            raise AssertionError("a synchronous client was made")

        if self.is_async:
            monkeypatch.setattr(_calls, "OpenRouter", fail)
            home = self.make()
            found = await self.adocuments(home, ["a red fox", "a brown dog"])
            np.testing.assert_allclose(
                found, [at_home.vector("a red fox"), at_home.vector("a brown dog")]
            )
            np.testing.assert_allclose(await self.aquery(home, "a fox"), at_home.vector("a fox"))
            assert types_of(at_home) == ["search_document", "search_query"]

    def test_a_wrong_client_is_refused(self, at_home):
        with pytest.raises(Exception, match="client") as caught:
            self.documents(self.make(client=object()), ["a red fox"])
        assert caught.value

    def test_a_missing_key_is_named(self, at_home, monkeypatch):
        monkeypatch.delenv("OPENROUTER_API_KEY")
        with pytest.raises(Exception, match="OPENROUTER_API_KEY") as caught:
            self.documents(self.make(), ["a red fox"])
        assert isinstance(self.own_error(caught.value), ConfigurationError)

    def test_a_pickle_holds_no_key_and_works(self, at_home):
        home = self.make()
        before = np.asarray(self.query(home, "a fox"))
        written = pickle.dumps(home)

        assert at_home.api_key.encode() not in written
        np.testing.assert_array_equal(self.query(pickle.loads(written), "a fox"), before)

    def test_a_deep_copy_works_after_use(self, at_home):
        home = self.make()
        before = np.asarray(self.query(home, "a fox"))

        np.testing.assert_array_equal(self.query(copy.deepcopy(home), "a fox"), before)

    def test_it_shows_no_key(self, at_home):
        home = self.make()
        self.query(home, "a fox")

        assert at_home.api_key not in repr(home) + str(home)

    def test_nobody_has_to_close_it(self, at_home):
        """The sockets go with it; a warning of one left open would fail the run."""
        before = sockets()
        for _ in range(3):
            self.query(self.make(), "a fox")
            gc.collect()

        assert sockets() <= before + 1  # the server may not have noticed the last end yet

    def test_many_event_loops_leave_no_connections_behind(self, at_home):
        if not self.is_async:
            return
        home = self.make()
        for number in range(12):
            found = asyncio.run(self.adocuments(home, [f"text {number}", "a fox"]))
            np.testing.assert_allclose(found[1], at_home.vector("a fox"))
            assert asyncio.run(self.aquery(home, "a fox")) is not None
            if number == 1:
                gc.collect()
                before = sockets()
        gc.collect()

        assert sockets() <= before + 2  # of the server's side, which ends in threads of its own
        assert types_of(at_home)[:2] == ["search_document", "search_query"]

    def test_the_readmes_line_runs(self, at_home, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
        block = re.search(r"```py\n(.*?)```", text, re.DOTALL).group(1)
        lines = (line.removeprefix("await ") for line in block.splitlines())
        (line,) = (line for line in lines if line.startswith(f"{self.module}."))
        home = import_module(f"openrouter_embeddings.integrations.{self.module}")
        names = {self.module: home, "model": MODEL, "texts": ["a red fox", "a brown dog"]}
        found = eval(line, names)

        assert found is not None
        if asyncio.iscoroutine(found):
            asyncio.run(found)
        assert inputs_of(at_home)

    def test_importing_it_loads_nothing_but_its_library(self):
        name = f"openrouter_embeddings.integrations.{self.module}"
        alone = loaded_by(f"{self.library}; import httpx, numpy, asyncio.runners")
        more = loaded_by(f"import {name}") - alone - set(sys.stdlib_module_names)

        foreign = {each for each in more if not each.startswith("_")} - OURS
        assert not foreign, sorted(foreign)
