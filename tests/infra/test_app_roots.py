"""The unchanged app roots, each connected to a real cluster as in its cloud: found by name, authenticated
with the cloud's kind of token.

The clouds' APIs are simulated by support/cloud_apis.py and infra/checks/aws_stand_in.py. There is no cloud
load balancer, so the tests give the Service its address.
"""

import base64
import json
import os
import shutil
import ssl
import stat
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from plan_aws import Aws
from support.cloud_apis import Azure, CloudApi, google, is_eks_token
from support.cluster import ClusterKafka, Deployed
from support.cluster_door import ClusterDoor
from support.one_event import assert_in_kafka, send
from support.terraform import SOURCES, Terraform

NAME = "ingestor-small"
TOKEN = "token-of-the-cloud"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with a copy of infra/ and the chart, so that Terraform may write into a root."""
    shutil.copytree(SOURCES / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns(".terraform*"))
    shutil.copytree(SOURCES / "deploy/helm", tmp_path / "deploy/helm")
    return tmp_path / "infra"


@pytest.fixture
def inputs(
    kafka: ClusterKafka, image: dict[str, str], small: dict[str, Any], namespace_name: str
) -> dict[str, Any]:
    """The inputs that are the same for all clouds."""
    extra = small["extra_values"] | {"service": {}}
    return small | {
        "name": NAME,
        "image": image,
        "service_account": {"namespace": namespace_name, "name": "event-ingestor"},
        "kafka": {"profile": "plain", "brokers": [kafka.address_for_pods]},
        "load_balancer": {"reach": "internal"},
        "extra_values": extra,
    }


@contextmanager
def balancer(deployed: Deployed, ingress: dict[str, str]) -> Iterator[None]:
    """Gives the Service an address as soon as it exists, as a cloud's controller does."""
    done = threading.Event()

    def give() -> None:
        patch = json.dumps({"status": {"loadBalancer": {"ingress": [ingress]}}})
        while not done.wait(0.5):
            deployed.namespace.kubectl(
                "patch",
                "service",
                deployed.full_name,
                "--subresource=status",
                "--type=merge",
                "--patch",
                patch,
                check=False,
            )

    thread = threading.Thread(target=give)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def try_root(
    root: Terraform,
    kafka: ClusterKafka,
    deployed: Deployed,
    ingress: dict[str, str],
    annotation: tuple[str, str],
    identity: dict[str, str] | None = None,
) -> None:
    """Applies, sends an event, checks for drift and for secrets in the state, destroys."""
    with balancer(deployed, ingress):
        root.apply()
        root.assert_no_drift()
    outputs = root.outputs()
    assert outputs["endpoint"] == f"http://{next(iter(ingress.values()))}:80/events"
    service = deployed.namespace.get("service", deployed.full_name)
    assert service["metadata"]["annotations"].get(annotation[0]) == annotation[1]
    account = deployed.namespace.get("serviceaccount", "event-ingestor")
    assert (identity or {}).items() <= account["metadata"].get("annotations", {}).items()
    event, status, ack = send(deployed)
    assert (status, ack) == (200, "broker")
    assert_in_kafka(kafka, event)
    state = root.state()
    assert TOKEN not in state and "k8s-aws-v1" not in state
    root.destroy()
    assert not deployed.namespace.exists()


def test_the_cluster_door_rejects_others(tmp_path: Path) -> None:
    context = ssl.create_default_context()
    with ClusterDoor(tmp_path, lambda token: is_eks_token(token, "eu-central-1")) as door:
        context.load_verify_locations(cadata=base64.b64decode(door.ca_base64).decode())
        other_region = base64.urlsafe_b64encode(
            b"https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&X-Amz-SignedHeaders=host;x-k8s-aws-id"
            b"&X-Amz-Credential=none/20260101/us-east-1/sts/aws4_request"
        )
        for token in (TOKEN, "k8s-aws-v1.", f"k8s-aws-v1.{other_region.decode().rstrip('=')}"):
            request = urllib.request.Request(
                f"https://{door.address}/version", headers={"Authorization": f"Bearer {token}"}
            )
            with pytest.raises(urllib.error.HTTPError, match="401") as refused:
                urllib.request.urlopen(request, timeout=15, context=context)
            refused.value.close()
    assert (door.let_in, door.turned_away) == (0, 3)


def test_aws_cluster_then_app(
    app: Path, tmp_path: Path, inputs: dict[str, Any], kafka: ClusterKafka, namespace_name: str
) -> None:
    """The two applies of infra/README.md; the second finds the first one's cluster by name."""
    deployed = Deployed(namespace_name, "event-ingestor", stateful=False)
    with ClusterDoor(tmp_path / "door", lambda token: is_eks_token(token, "eu-central-1")) as door:
        aws = Aws(
            tmp_path,
            os.environ["INFRA_PYTHON"],
            STAND_IN_EKS_ENDPOINT=f"https://{door.address}",
            STAND_IN_EKS_CA=door.ca_base64,
        )
        try:
            with Terraform(app / "aws/cluster", var_file="small.tfvars", **aws.environment()) as cluster:
                cluster.apply()
                with Terraform(
                    app / "aws/app", inputs | {"region": "eu-central-1"}, **aws.environment()
                ) as root:
                    # Without a repository, the one of the installation.
                    root.inputs["image"] = {"tag": "1.2.3"}
                    said = root.run("plan", "-no-color", *root.given())
                    repository = cluster.outputs()["repository_url"]
                    assert f'"repository": "{repository}"' in said and repository.endswith(
                        f"{NAME}/event-ingestor"
                    )
                    root.inputs["image"] = inputs["image"]
                    annotation = "service.beta.kubernetes.io/aws-load-balancer-internal", "true"
                    try_root(root, kafka, deployed, {"hostname": "internal-1.elb.example.com"}, annotation)
                cluster.destroy()
        finally:
            aws.stop()
    assert door.let_in and not door.turned_away


def test_gcp_app(
    app: Path, tmp_path: Path, inputs: dict[str, Any], kafka: ClusterKafka, namespace_name: str
) -> None:
    deployed = Deployed(namespace_name, "event-ingestor", stateful=False)
    with ClusterDoor(tmp_path / "door", lambda token: token == TOKEN) as door:
        answers = google("events-try-1", "europe-west3", NAME, door.address, door.ca_base64)
        with CloudApi(answers) as api:
            environment = {
                "GOOGLE_OAUTH_ACCESS_TOKEN": TOKEN,
                "GOOGLE_CONTAINER_CUSTOM_ENDPOINT": f"http://{api.address}/v1/",
            }
            given = inputs | {"project": "events-try-1", "region": "europe-west3"}
            with Terraform(app / "gcp/app", given, **environment) as root:
                annotation = "networking.gke.io/load-balancer-type", "Internal"
                try_root(root, kafka, deployed, {"ip": "10.40.0.9"}, annotation)
    assert door.let_in and not door.turned_away


def test_azure_app(
    app: Path, tmp_path: Path, inputs: dict[str, Any], kafka: ClusterKafka, namespace_name: str
) -> None:
    deployed = Deployed(namespace_name, "event-ingestor", stateful=False)
    subscription = "11111111-1111-1111-1111-111111111111"
    with ClusterDoor(tmp_path / "door", lambda token: token == TOKEN) as door:
        azure = Azure(subscription, NAME, door.address, door.ca_base64)
        with CloudApi(azure.answers, tmp_path / "api") as api:
            azure.own_address = api.address
            assert api.authority is not None
            environment = {
                "ARM_METADATA_HOSTNAME": api.address,
                "ARM_TENANT_ID": azure.TENANT,
                "ARM_CLIENT_ID": azure.CLIENT,
                "ARM_CLIENT_SECRET": "none",
                "SSL_CERT_FILE": str(api.authority.certificate),
                "PATH": f"{kubelogin(tmp_path)}:{os.environ['PATH']}",
            }
            with Terraform(
                app / "azure/app", inputs | {"subscription_id": subscription}, **environment
            ) as root:
                annotation = "service.beta.kubernetes.io/azure-load-balancer-internal", "true"
                identity = {"azure.workload.identity/client-id": azure.INGESTOR}
                try_root(root, kafka, deployed, {"ip": "10.40.0.9"}, annotation, identity)
    assert door.let_in and not door.turned_away


def kubelogin(folder: Path) -> Path:
    """Prints the token when it is called as the root calls it."""
    place = folder / "bin"
    place.mkdir()
    program = place / "kubelogin"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": TOKEN},
    }
    program.write_text(
        '#!/bin/sh\n[ "$*" = "get-token --login azurecli --server-id 6dae42f8-4368-4678-94ff-3960e28e3630" ] || exit 2\n'
        f"echo '{json.dumps(credential)}'\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return place
