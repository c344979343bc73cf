"""Signed JWTs of the bearer flow (RFC 7523): RS256, against the certificate that the app registered."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from sandbox.org.logins.grants import GrantError

_INVALID = ("invalid_grant", "invalid assertion")
# Said of expired assertions too, although no code is involved.
_EXPIRED = ("invalid_grant", "expired authorization code")


@dataclass(frozen=True, slots=True)
class Assertion:
    """Claims of a JWT; nothing is known about its signature."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires_at: float
    signed_bytes: bytes
    signature: bytes

    @classmethod
    def parse(cls, token: str) -> Assertion:
        """GrantError when it is not an RS256 JWT with the claims iss, sub, aud and exp."""
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        try:
            algorithm, claims = _json_part(header).get("alg"), _json_part(payload)
            audience = claims["aud"]
            audiences = audience if isinstance(audience, list) else [audience]
            # Clients send exp as a number and as a string of digits.
            expires_at = float(str(claims["exp"]))
            issuer, subject = str(claims["iss"]), str(claims["sub"])
            raw_signature = _decoded(signature)
        except (ValueError, KeyError) as error:
            raise GrantError(*_INVALID) from error
        if algorithm != "RS256" or not math.isfinite(expires_at):
            raise GrantError(*_INVALID)
        return cls(issuer, subject, tuple(map(str, audiences)), expires_at, signed.encode(), raw_signature)

    def check_signature(self, key: RSAPublicKey | None) -> None:
        """GrantError when the app has no key, or another one."""
        if key is None:
            raise GrantError(*_INVALID)
        try:
            key.verify(self.signature, self.signed_bytes, PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise GrantError(*_INVALID) from error

    def check_claims(
        self, now: float, window_seconds: float | None, audiences: Iterable[str], audience_error: str
    ) -> None:
        """GrantError when it expired, when it lives too long (as with milliseconds in exp), or is not for us."""
        # Clients round exp to whole seconds, some of them up.
        latest = math.inf if window_seconds is None else math.ceil(now + window_seconds)
        if not now < self.expires_at <= latest:
            raise GrantError(*_EXPIRED)
        if not {one.rstrip("/") for one in audiences}.intersection(one.rstrip("/") for one in self.audiences):
            raise GrantError("invalid_grant", audience_error)


def public_key(pem: str) -> RSAPublicKey | None:
    """The RSA key of a PEM certificate or public key, None for no text.

    ValueError when it is no RSA key, or shorter than 2048 bits.
    """
    if not pem:
        return None
    data = pem.encode()
    key = load_pem_x509_certificate(data).public_key() if "CERTIFICATE" in pem else load_pem_public_key(data)
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ValueError("jwt_public_key must be an RSA key of 2048 bits or more")
    return key


def _json_part(text: str) -> Mapping[str, object]:
    part = orjson.loads(_decoded(text))
    if not isinstance(part, dict):
        raise GrantError(*_INVALID)
    return part


def _decoded(text: str) -> bytes:
    """Base64url without padding; ValueError for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
