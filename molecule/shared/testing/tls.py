"""TLS between clients and the API."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tls(lab: Path) -> ssl.SSLContext | None:
    """What a client goes by in a scenario with certificates of playbooks/certificates.yml."""
    authority = lab / "certificates/ca.pem"
    return ssl.create_default_context(cafile=str(authority)) if authority.exists() else None
