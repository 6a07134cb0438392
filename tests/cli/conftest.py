"""A service, a client, and inputs of every format."""

from job_fixtures import client, service, write

__all__ = ["client", "service", "write"]
