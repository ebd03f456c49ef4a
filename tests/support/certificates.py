"""A separate certificate authority for brokers and clients on this machine."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Issued:
    certificate: Path
    key: Path


class Authority:
    """Keeps its files in `folder`. `name` distinguishes it from other authorities."""

    def __init__(self, folder: Path, name: str = "test CA"):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl(
            "req", "-x509", "-days", "2", "-subj", f"/CN={name}", *_NEW_KEY,
            "-keyout", self._key, "-out", self.certificate,
        )  # fmt: skip

    def issue(
        self,
        name: str,
        hosts: str = "DNS:localhost,IP:127.0.0.1",
        key_password: str = "",
        days: int = 2,
        new_key: tuple[str, ...] = ("-newkey", "rsa:2048", "-nodes"),
    ) -> Issued:
        """Issues a certificate for the common name and the alternative names, with its key."""
        issued = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={hosts}\n")
        _openssl(
            "req",
            "-subj",
            f"/CN={name}",
            *new_key,
            "-keyout",
            issued.key,
            "-out",
            request,
        )
        _openssl(
            "x509", "-req", "-days", days, "-in", request, "-CA", self.certificate, "-CAkey", self._key,
            "-CAcreateserial", "-extfile", extensions, "-out", issued.certificate,
        )  # fmt: skip
        if key_password:
            _openssl(
                "rsa",
                "-aes256",
                "-in",
                issued.key,
                "-out",
                issued.key,
                "-passout",
                f"pass:{key_password}",
            )
        return issued


_NEW_KEY = ("-newkey", "rsa:2048", "-nodes")
EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: object) -> None:
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
