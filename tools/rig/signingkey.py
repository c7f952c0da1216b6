"""A private key to sign ServiceAccount tokens with, made without any program or library for it."""

import base64
import secrets
from pathlib import Path

# The order of P-256's base point, SEC 2 section 2.4.2.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# DER of ECPrivateKey (RFC 5915) without the public key, which the reader computes: SEQUENCE { INTEGER 1,
# OCTET STRING (32 bytes: the key), [0] OBJECT IDENTIFIER prime256v1 }.
_BEFORE = bytes.fromhex("30310201010420")
_AFTER = bytes.fromhex("a00a06082a8648ce3d030107")


def write_signing_key(file: Path) -> None:
    """Write a new ECDSA P-256 private key in PEM."""
    scalar = 1 + secrets.randbelow(_ORDER - 1)
    body = base64.encodebytes(_BEFORE + scalar.to_bytes(32, "big") + _AFTER).decode()
    file.write_text(f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n", encoding="utf-8")
