"""A small server of the two endpoints that shares no code with the package, whole or broken."""

from __future__ import annotations

import base64
import json
import struct
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MODEL, KEY, MOST = "made/up", "sk-any", 50
MODELS = [{"id": MODEL, "name": "Made up"}, {"id": "made/other", "name": "Another"}]


def vector(item, width):
    digest = sha256(json.dumps(item).encode()).digest()
    return [(digest[place] - 127.5) / 128 for place in range(width)]


def texts_of(value):
    """Split the input as the contract says, or return None where it cannot be used."""
    if isinstance(value, str):
        return [value] if value else None
    if not isinstance(value, list):
        return None
    if value and all(isinstance(each, int | float) for each in value):
        return [value]
    usable = all(each and isinstance(each, str | list | dict) for each in value)
    return value if usable else None


class Server:
    """One server; `quirk` is what is odd about it, `openai` a server of that kind."""

    def __init__(self, quirk="", *, openai=False):
        self.quirk, self.openai, self.asked = quirk, openai, 0
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever)

    def __enter__(self):
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def listing(self, query):
        first = int(query.get("offset", ["0"])[0])
        most = int(query.get("limit", ["500"])[0])
        page = MODELS if self.quirk == "no pages" else MODELS[first : first + most]
        return {} if self.quirk == "listing without data" else {"data": page}

    def embed(self, body):
        items = texts_of(body.get("input")) if isinstance(body, dict) else None
        if items is None or not isinstance(body.get("model"), str) or body.get("dimensions") == 0:
            return self._no(500 if self.quirk == "crashes on bad bodies" else 400, "bad body")
        if body["model"] != MODEL and self.quirk != "any model" and not self.openai:
            return self._no(404 if self.quirk == "404 for a model" else 400, "unknown model")
        if len(items) > MOST and self.quirk != "no bound":
            return self._no(422, "too many inputs")
        self.asked += 1
        reply = {"object": "list", "data": self._data(items, body), "model": MODEL}
        return 200, reply | ({"new": [1]} if self.quirk == "extra fields" else {})

    def _no(self, status, words):
        if self.quirk == "errors as text":
            return status, [words]
        if self.openai:
            return status, {"detail": words}
        return status, {"error": {"message": words, "code": status}}

    def _data(self, items, body):
        width = body.get("dimensions") or 8
        width = 8 if self.quirk == "ignores dimensions" else min(width, 32)
        seed = [[each, self.asked] for each in items] if self.quirk == "not the same" else items
        rows = [vector(each, width) for each in seed]
        if self.quirk == "one too few":
            rows = rows[:-1] or rows * 2
        if self.quirk == "shuffled":
            rows = rows[1:] + rows[:1]
        if self.quirk == "shuffled in larger batches" and len(items) > 4:
            rows = rows[::-1]
        if self.quirk == "zero":
            rows[-1] = [0.0] * width
        if self.quirk == "widths":
            rows[-1] = rows[-1][:-1] if len(rows) > 1 else rows[-1]
        coded = body.get("encoding_format") == "base64" and self.quirk != "only numbers"
        data = [{"embedding": self._coded(row) if coded else row} for row in rows]
        if self.quirk not in {"no index", "shuffled"}:
            for place, each in enumerate(data):
                each["index"] = 0 if self.quirk == "index" else place
        return data

    def _coded(self, row):
        order = ">" if self.quirk == "big-endian" else "<"
        return base64.b64encode(struct.pack(f"{order}{len(row)}f", *row)).decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def _may(self):
        given = self.headers.get("authorization") == f"Bearer {KEY}"
        return given or self.server_of.openai or self.server_of.quirk == "no key"

    def do_GET(self):
        path = urlsplit(self.path)
        wanted = "/v1/models" if self.server_of.openai else "/v1/embeddings/models"
        if path.path != wanted:
            self._send(404, {"error": {"message": "no such path", "code": 404}})
        else:
            self._send(200, self.server_of.listing(parse_qs(path.query)))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self._may():
            self._send(401, {"error": {"message": "No key", "code": 401}})
        else:
            self._send(*self.server_of.embed(body))

    def _send(self, status, payload):
        quirk = self.server_of.quirk
        content = json.dumps(payload).encode()
        content = b"\n   \n" + content if quirk == "leading white space" else content
        kind = "text/plain" if quirk == "content type" else "application/json"
        kind += "; charset=utf-8" if quirk == "charset" else ""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


BROKEN = {
    "one too few": "one vector for each input",
    "index": "index",
    "zero": "no zero vectors",
    "widths": "one width",
    "ignores dimensions": "width that was asked for",
    "shuffled": "order",
    "shuffled in larger batches": "order",
    "not the same": "same text, same vector",
    "big-endian": "encodings agree",
    "any model": "refusals",
    "no key": "refusals",
    "crashes on bad bodies": "refusals",
    "errors as text": "body of the error",
    "content type": "content type",
    "no pages": "pages",
    "listing without data": "schema of the reply",
    "no bound": "refusals",
}
HARMLESS = (
    "",
    "no index",
    "extra fields",
    "leading white space",
    "charset",
    "only numbers",
    "404 for a model",
)
# What a server of one model, without a key, need not do.
NEEDLESS = {"any model", "no key", "errors as text", "no pages", "listing without data"}
