"""The rendered chart with each of its values files, checked by a real API server: validation, CEL rules,
admission."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cluster import CHART, Definitions, Namespace, render, try_on_server
from support.containers import ROOT

VALUES = sorted([*CHART.glob("examples/*.yaml"), *CHART.glob("ci/*.yaml")])


@pytest.fixture(scope="module")
def definitions() -> Iterator[Definitions]:
    found = Definitions(ROOT / "build/crds")
    yield found
    found.close()


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    with Namespace(restricted=True) as made:
        yield made


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_the_api_server_takes_all_of_it_without_a_warning(
    values: Path, definitions: Definitions, namespace: Namespace, figures: list[str]
) -> None:
    things = render(values, namespace)
    known = [thing for thing in things if thing["kind"] not in definitions.missing]
    said = try_on_server(known)
    assert said.count("(server dry run)") == len(known), said
    assert "Warning" not in said, said
    unknown = sorted({thing["kind"] for thing in things} & definitions.missing)
    figures.append(
        f"{values.stem}: {len(known)} objects taken"
        + (f"; not checked, as the cluster doesn't know them: {unknown}" if unknown else "")
    )


def test_what_is_not_restricted_is_reported(namespace: Namespace) -> None:
    """Shows that the test above can fail: for workloads Pod Security only warns."""
    things = render(VALUES[0], namespace)
    workload = copy.deepcopy(next(t for t in things if t["kind"] in ("Deployment", "StatefulSet")))
    workload["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] = False
    assert "Warning" in try_on_server([workload])
