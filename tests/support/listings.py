"""Listings for tests: a page as a fault of the test kit, and a client's view of a server's."""

from __future__ import annotations

import json

from openrouter_embeddings.testing import faults


def listing(payload):
    answer = faults.Answer(json.dumps(payload).encode())
    return faults.Fault("listing", "a page", False, (str(payload),), lambda _: answer)


def listed(connect, serve, models, **options):
    server = serve(models)
    return server, connect(base_url=server.base_url).list_models(**options)
