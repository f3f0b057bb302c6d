"""Signs tokens for tests: rightly with joserfc, and wrongly by hand."""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

SECRET = "0123456789abcdef0123456789abcdef"
LONG_SECRET = SECRET * 2


def _private(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Pair:
    """A private key and what a server is told of it."""

    def __init__(self, key, kind):
        self.kind = kind
        self.private_pem = _private(key).decode()
        self.public_pem = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def key(self, **parameters):
        return self.kind.import_key(self.private_pem, parameters or None)

    def public_jwk(self, **parameters):
        return {**self.kind.import_key(self.public_pem).as_dict(private=False), **parameters}

    def private_jwk(self):
        return self.kind.import_key(self.private_pem).as_dict(private=True)


RSA = Pair(rsa.generate_private_key(65537, 2048), RSAKey)
OTHER_RSA = Pair(rsa.generate_private_key(65537, 2048), RSAKey)
WEAK_RSA = Pair(rsa.generate_private_key(65537, 1024), RSAKey)
P256 = Pair(ec.generate_private_key(ec.SECP256R1()), ECKey)
P384 = Pair(ec.generate_private_key(ec.SECP384R1()), ECKey)
P521 = Pair(ec.generate_private_key(ec.SECP521R1()), ECKey)
ED25519 = Pair(ed25519.Ed25519PrivateKey.generate(), OKPKey)

ALGORITHMS = {
    "HS256": None, "HS384": None, "HS512": None,
    "RS256": RSA, "RS384": RSA, "RS512": RSA, "PS256": RSA, "PS384": RSA, "PS512": RSA,
    "ES256": P256, "ES384": P384, "ES512": P521, "EdDSA": ED25519, "Ed25519": ED25519,
}  # fmt: skip


def claims(**more):
    return {"sub": "ada", "exp": int(time.time()) + 600, **more}


def token(algorithm="HS256", key=None, header=None, secret=SECRET, **more):
    """A good token with the claims given; a claim that is None is left out."""
    pair = key or ALGORITHMS[algorithm]
    signing = OctKey.import_key(secret) if pair is None else pair.key()
    body = {name: value for name, value in claims(**more).items() if value is not None}
    head = {"alg": algorithm, **(header or {})}
    return jwt.encode(head, body, signing, algorithms=[algorithm])


def encoded(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header, payload, secret=SECRET, digest=hashlib.sha256):
    """A token of any header and payload with an HMAC that is right for it."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{signed}.{encoded(hmac.new(key, signed.encode(), digest).digest())}"
