"""The signed claim that the JWT bearer flow trades for an access token. Source: RFC 7523 and Salesforce's "OAuth 2.0
JWT Bearer Flow"."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from workers.ports import Refused

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS = 120
"""As Salesforce's own clients have it; the documentation asks for at most some minutes."""

MIN_KEY_BITS = 2048


class App(Protocol):
    """`schemas.documents.Connection`, as far as it is needed here."""

    @property
    def client_id(self) -> str: ...
    @property
    def login_url(self) -> str: ...


def assertion(app: App, secret: Mapping[str, str], now_ms: int) -> str:
    """For the user and with the private key (PEM) of `secret`. Raises Refused for a key that is none."""
    claims = {
        "iss": app.client_id,
        "sub": secret["username"],
        "aud": audience(app.login_url),
        "exp": now_ms // 1000 + LIFETIME_SECONDS,
    }
    signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
    signature = private_key(secret["private_key"]).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64url(signature)}"


def private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):  # the second: it is encrypted
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise Refused(f"the private key is no unencrypted RSA key of {MIN_KEY_BITS} bits or more in PEM form")
    return key


def audience(login_url: str) -> str:
    """Of a My Domain it is the login host of its kind of org."""
    host = urlsplit(login_url).hostname or ""
    is_sandbox = host == "test.salesforce.com" or host.endswith(".sandbox.my.salesforce.com")
    return "https://test.salesforce.com" if is_sandbox else "https://login.salesforce.com"


def _encoded(part: Mapping[str, object]) -> str:
    return _base64url(orjson.dumps(part))


def _base64url(raw: bytes) -> str:
    """RFC 7515, section 2: without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
