"""Signs tokens with Ed25519 keys of its own, where a test needs more keys than an OpenID provider makes quickly."""

import base64
import json
import subprocess
import time
from pathlib import Path

ISSUER = "https://login.example"
AUDIENCE = "events"

_RAW_KEY_BYTES = 32  # at the end of the DER form


class TokenSigner:
    def __init__(self, folder: Path, kid: str):
        self.kid = kid
        self._folder = folder
        self._key = folder / f"{kid}.pem"
        _openssl("genpkey", "-algorithm", "ed25519", "-out", self._key)

    def jwk(self) -> dict[str, str]:
        public = _openssl("pkey", "-in", self._key, "-pubout", "-outform", "DER")[-_RAW_KEY_BYTES:]
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid, "x": _base64url(public)}

    def token(self, client: str, seconds: int = 600) -> str:
        header = {"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid}
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": client, "exp": int(time.time()) + seconds}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        text = self._folder / f"{self.kid}.signed"
        text.write_text(signed)
        signature = _openssl("pkeyutl", "-sign", "-rawin", "-inkey", self._key, "-in", text)
        return f"{signed}.{_base64url(signature)}"


def key_set(*signers: TokenSigner) -> str:
    return json.dumps({"keys": [signer.jwk() for signer in signers]})


def _openssl(*arguments: object) -> bytes:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
