"""The contract, decoded once."""

from contract_fixtures import document

__all__ = ["document"]
