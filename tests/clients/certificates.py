"""A certificate for the loopback address, for clients that speak TLS only."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# RSA keys below this length are refused for JWT bearer.
KEY_BITS = 2048


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def key_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def self_signed(key: rsa.RSAPrivateKey) -> str:
    """PEM of a certificate for 127.0.0.1 and localhost that lasts a day."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated org")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def write_certificate(directory: Path) -> tuple[Path, Path]:
    """Paths of a new certificate and of its key."""
    key = new_key()
    certificate, private_key = directory / "certificate.pem", directory / "key.pem"
    certificate.write_text(self_signed(key))
    private_key.write_text(key_pem(key))
    return certificate, private_key
