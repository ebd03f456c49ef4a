"""The cost of requests whose clients are authenticated, compared with requests without."""

import tempfile
from pathlib import Path

from pairs import WARM_UP_SECONDS, Bench, ratios
from report import Target
from rounds import SINGLE
from support.clients_file import ClientsFile


def clients(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        file = ClientsFile(Path(folder))
        key = file.add("orders", types='["*"]')
        header = f"Authorization: Bearer {key}"
        with bench.serving("clients", AUTH="keys", AUTH_CLIENTS_FILE=file.path) as keyed:
            keyed.round(WARM_UP_SECONDS, header=header, **SINGLE)
            seconds = bench.options.seconds
            checked, free = bench.paired(
                "one event a request, with a key",
                ("AUTH=keys", lambda: keyed.round(seconds, header=header, **SINGLE)),
                (
                    "AUTH=none, the same header",
                    lambda: bench.unlimited.round(seconds, header=header, **SINGLE),
                ),
            )
    bench.targets.append(
        Target(
            "a request with a key: CPU / without authentication",
            ratios(checked, free, "cpu_us"),
            1.03,
            "x",
        )
    )
