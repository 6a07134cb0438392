"""The test kit: a loopback server with a menu of faults, to test code that embeds.

    from openrouter_embeddings import OpenRouter
    from openrouter_embeddings.testing import FaultServer, faults

    with FaultServer(dimensions=8) as server:
        server.script(faults.status(429, retry_after=0), faults.ok())
        with OpenRouter(server.api_key, base_url=server.base_url) as client:
            response = client.embeddings.generate(input="a red fox", model="test/embedding")
        assert (response.vectors[0] == server.vector("a red fox")).all()
        assert len(server.requests) == 2

A healthy reply carries a vector of unit length that follows from the input alone, so a test knows
what must come back. `faults.menu()` returns every fault by name.
"""

from openrouter_embeddings.testing import faults
from openrouter_embeddings.testing._rules import vector_of
from openrouter_embeddings.testing._service import FaultServer, Recorded
from openrouter_embeddings.testing.faults import Fault

__all__ = ["Fault", "FaultServer", "Recorded", "faults", "vector_of"]
