"""OpenID Connect: id tokens for the scope `openid`, and the key that checks them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cached_property

import orjson
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

# An id token tells of a login that has just happened.
LIFETIME_SECONDS = 120
_KEY_ID = "simulated-1"


class IdTokens:
    """Signs with a key of its own, which is made when it is first needed: that takes a tenth of a second."""

    @cached_property
    def _key(self) -> RSAPrivateKey:
        return generate_private_key(public_exponent=65537, key_size=2048)

    def issue(self, claims: Mapping[str, object], access_token: str, now: float) -> str:
        """A JWT with the claims, its times, and a hash that binds it to the access token."""
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        issued_at = int(now)
        times = {"exp": issued_at + LIFETIME_SECONDS, "iat": issued_at}
        header = {"kid": _KEY_ID, "typ": "JWT", "alg": "RS256"}
        payload = {
            "at_hash": _encoded(half),
            **{name: value for name, value in claims.items() if value is not None},
            **times,
        }
        signed = ".".join(_encoded(orjson.dumps(part)) for part in (header, payload))
        return f"{signed}.{_encoded(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def key_set(self) -> dict[str, object]:
        """`GET /id/keys` (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        modulus, exponent = (number.to_bytes(-(-number.bit_length() // 8), "big") for number in (numbers.n, numbers.e))
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": _KEY_ID}
        return {"keys": [key | {"n": _encoded(modulus), "e": _encoded(exponent)}]}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
