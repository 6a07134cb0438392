"""The contract, decoded once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# The parser in C, where the wheel has it: a tenth of the time, of which the mutations take much.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text):
    """Decode a document as `yaml.safe_load` does."""
    return yaml.load(text, Loader=_LOADER)


@pytest.fixture(scope="session")
def document():
    return read_yaml((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
