"""The cost of requests whose clients are authenticated, compared with requests without."""

import tempfile
from pathlib import Path

from pairs import WARM_UP_SECONDS, Bench, ratios
from report import Target
from rounds import SINGLE
from support.clients_file import ClientsFile
from support.token_signer import AUDIENCE, ISSUER, TokenSigner, key_set


def clients(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="clients-") as name:
        folder = Path(name)
        file = ClientsFile(folder)
        key = file.add("orders", types='["*"]')
        _compare(bench, "a key", key, 1.03, AUTH="keys", AUTH_CLIENTS_FILE=file.path)

        signer = TokenSigner(folder, "bench")
        keys = folder / "jwks.json"
        keys.write_text(key_set(signer))
        _compare(
            bench,
            "a token",
            signer.token("orders", seconds=24 * 3600),
            1.05,
            AUTH="jwt",
            AUTH_JWKS_FILE=keys,
            AUTH_JWT_ISSUER=ISSUER,
            AUTH_JWT_AUDIENCE=AUDIENCE,
        )


def _compare(bench: Bench, what: str, credential: str, target: float, **settings: object) -> None:
    """The credential is the same in each request, as that of a client is for minutes to months."""
    header = f"Authorization: Bearer {credential}"
    method = f"AUTH={settings['AUTH']}"
    with bench.serving(f"clients-{settings['AUTH']}", **settings) as authenticated:
        authenticated.round(WARM_UP_SECONDS, header=header, **SINGLE)
        seconds = bench.options.seconds
        checked, free = bench.paired(
            f"one event a request, with {what}",
            (method, lambda: authenticated.round(seconds, header=header, **SINGLE)),
            (
                "AUTH=none, the same header",
                lambda: bench.unlimited.round(seconds, header=header, **SINGLE),
            ),
        )
    bench.targets.append(
        Target(
            f"a request with {what}: CPU / without authentication",
            ratios(checked, free, "cpu_us"),
            target,
            "x",
        )
    )
