"""The command serve: what it hands over, what it refuses, and a proxy that is killed."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from openrouter_embeddings import local, proxy
from openrouter_embeddings.cli import run
from openrouter_embeddings.testing import FaultServer

TOKEN = "a-token-of-a-caller-0001"
OTHER = "a-token-of-a-caller-0002"


@pytest.fixture
def handed(monkeypatch):
    """Take what would be served."""
    calls = []
    monkeypatch.setattr(proxy, "serve", lambda *words: calls.append(words))
    return calls


def test_options_reach_the_proxy(handed, monkeypatch):
    """Secrets come from the environment, and never stand on a command line."""
    monkeypatch.setenv("MY_KEY", "sk-or-the-key")
    monkeypatch.setenv("MY_TOKENS", f"{TOKEN}, {OTHER}\n")
    words = ["--cache", "c", "--max-cost", "2", "--requests-per-minute", "30", "--port", "9"]
    words += ["--key-env", "MY_KEY", "--token-env", "MY_TOKENS", "--name", "p.example"]

    assert run(["serve", "--upstream", "https://example.org/v1", *words]) == 0
    ((options, host, port),) = handed
    assert (host, port) == ("127.0.0.1", 9)
    assert options == proxy.ProxyOptions(
        upstream="https://example.org/v1",
        api_key="sk-or-the-key",
        tokens=[TOKEN, OTHER],
        cache="c",
        max_cost=2.0,
        requests_per_minute=30.0,
        hosts=["p.example"],
    )
    assert "sk-or-the-key" not in repr(options)
    assert TOKEN not in repr(options)


def test_without_a_url_it_is_the_service(handed):
    """Whichever the environment names."""
    assert run(["serve", "--upstream"]) == 0
    assert handed == [(proxy.ProxyOptions(), "127.0.0.1", 8080)]


@pytest.mark.local_model
def test_without_upstream_it_is_the_local_model(monkeypatch):
    """As before."""
    calls = []
    monkeypatch.setattr(local, "serve", lambda **words: calls.append(words))

    assert run(["serve", "--port", "0"]) == 0
    assert calls == [{"host": "127.0.0.1", "port": 0}]


@pytest.mark.local_model
@pytest.mark.parametrize("words", [[], ["--upstream", "https://example.org/v1"]])
def test_programs_are_told_where(words):
    """On standard output, as one object, once it can be asked there."""
    command = [sys.executable, "-m", "openrouter_embeddings", "serve", "--port", "0", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, *words], stdout=pipe, stderr=pipe, text=True) as process:
        url = json.loads(process.stdout.readline())["base_url"]
        with httpx.Client(trust_env=False, timeout=60) as http:
            status = http.post(f"{url}/embeddings", json={}).status_code
        process.kill()
        _, said = process.communicate()

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1|http://127\.0\.0\.1:\d+/api/v1", url)
    assert status == 401
    assert said == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["https://example.org"], "URL is for a proxy. Add --upstream."),
        (["--max-cost", "1"], "--max-cost is for a proxy. Add --upstream."),
        (["--name", "a"], "--name is for a proxy. Add --upstream."),
        (["--upstream", "--key-env", "NOT_SET"], "key_env names the variable 'NOT_SET'"),
        (["--upstream", "--token-env", "NOT_SET"], "token_env names the variable 'NOT_SET'"),
        (["--upstream", "http://example.org"], "unencrypted"),
        (["--upstream", "--max-cost", "-1"], "max_cost"),
    ],
)
def test_wrong_usage_is_named(words, message, capsys):
    """In one line, before anybody listens."""
    assert run(["serve", *words]) == 2
    assert message in capsys.readouterr().err


def _start(server, cache):
    command = [sys.executable, "-m", "openrouter_embeddings", "serve", "--upstream"]
    options = ["--port", "0", "--cache", str(cache)]
    secrets = {"MY_KEY": server.api_key, "MY_TOKEN": TOKEN}
    process = subprocess.Popen(
        [*command, server.base_url, *options, "--key-env", "MY_KEY", "--token-env", "MY_TOKEN"],
        stderr=subprocess.PIPE,
        text=True,
        env=secrets,
    )
    line = process.stderr.readline()
    assert server.api_key not in line
    assert TOKEN not in line
    return process, re.search(r" on (http://\S+/v1) ", line)[1]


def test_what_was_paid_outlives_a_killed_proxy(tmp_path):
    """The same command goes on from there: nothing that was answered is paid for again."""
    texts = [f"text {number}" for number in range(30)]
    with FaultServer() as server:
        for _ in range(2):
            process, url = _start(server, tmp_path / "cache")
            try:
                with httpx.Client(trust_env=False, timeout=60) as http:
                    response = http.post(
                        f"{url}/embeddings",
                        json={"input": texts, "model": "test/embedding"},
                        headers={"Authorization": f"Bearer {TOKEN}"},
                    )
            finally:
                process.kill()
                process.communicate()
            assert len(response.json()["data"]) == 30

        assert server.inputs_embedded == 30


class GatedServer(FaultServer):
    """A service that holds its answers back until they are let out."""

    def __init__(self):
        super().__init__()
        self.arrived, self.gate = threading.Event(), threading.Event()

    def answer(self, *request):
        answer = super().answer(*request)
        self.arrived.set()
        self.gate.wait()
        return answer


def _ask(url, text):
    body, key = {"input": text, "model": "test/embedding"}, {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(trust_env=False, timeout=60) as http:
        return http.post(f"{url}/embeddings", json=body, headers=key)


def test_what_is_under_way_is_answered_after_a_sigterm(tmp_path):
    """Nothing new is taken, and the end comes with the last answer."""
    with GatedServer() as server, ThreadPoolExecutor(1) as pool:
        process, url = _start(server, tmp_path / "cache")
        try:
            asked = pool.submit(_ask, url, "a red fox")
            assert server.arrived.wait(60)
            process.send_signal(signal.SIGTERM)
            while _is_open(url):
                pass
            server.gate.set()
            assert asked.result().status_code == 200
            assert process.wait(60) == 128 + signal.SIGTERM
        finally:
            server.gate.set()
            process.kill()
            process.communicate()


def _is_open(url):
    """Say whether connections are taken."""
    host, port = url.split("/")[2].split(":")
    try:
        socket.create_connection((host, int(port)), timeout=60).close()
    except OSError:
        return False
    return True


def test_the_end_waits_for_as_long_as_orchestrators_do(monkeypatch):
    """They kill half a minute after they have asked; two seconds cut off what is paid for."""
    given = []

    def end_at_once(_app, listener, grace):
        listener.close()
        given.append(grace)

    monkeypatch.setattr(proxy, "serve_until_interrupted", end_at_once)
    proxy.serve(proxy.ProxyOptions(upstream="https://example.org/v1"), port=0)

    assert 10 <= given[0] < 30
