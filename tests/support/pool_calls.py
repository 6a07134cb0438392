"""What the tests of pools share: an honest peer, a request, the places of a client."""

from __future__ import annotations

from raw_peer import vectors

from openrouter_embeddings._request.request import HttpRequest

WIRE = HttpRequest("POST", "/embeddings", {"content-type": "application/json"}, b'{"input": "a"}')


def honest(_count, request):
    return vectors(request)


def places(client):
    pool = client._http._shared
    homes = pool._homes
    (home,) = homes.values() if isinstance(homes, dict) else homes
    return home.places
