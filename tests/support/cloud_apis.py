"""The part of the clouds' APIs that an app root calls to reach a cluster: the cluster's address and its
credentials.

Each API answers for one cluster as its cloud's reference says, and 404 for everything else. Permissions are
not checked.
"""

import base64
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.certificates import Authority
from support.loopback_server import LoopbackServer

# Returns the answer for a method and a path, or None.
Answers = Callable[[str, str], Any]


class CloudApi(LoopbackServer):
    """Answers with JSON; over TLS if a folder for the certificate is given."""

    def __init__(self, answers: Answers, folder: Path | None = None):
        self.asked: list[str] = []
        self.authority = None if folder is None else Authority(folder)
        certificate = self.authority.issue("api") if self.authority else None
        super().__init__(_handler(answers, self.asked), certificate)


def _handler(answers: Answers, asked: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            asked.append(f"{self.command} {path}")
            found = answers(self.command, path)
            body = json.dumps({"error": {"code": "NotFound", "message": path}} if found is None else found)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def is_eks_token(token: str, region: str) -> bool:
    """Checks the form of an EKS token: a signed request to STS for the identity of its signer. (EKS would
    send it.)"""
    kind, _, encoded = token.partition(".")
    if kind != "k8s-aws-v1":
        return False
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    query = parse_qs(url.query)
    return (
        url.scheme in ("http", "https")
        and query.get("Action") == ["GetCallerIdentity"]
        and "x-k8s-aws-id" in query.get("X-Amz-SignedHeaders", [""])[0].split(";")
        and f"/{region}/sts/" in query.get("X-Amz-Credential", [""])[0]
    )


def google(project: str, region: str, cluster: str, address: str, ca: str) -> Answers:
    """GKE's description of one cluster (container API v1)."""
    path = f"/v1/projects/{project}/locations/{region}/clusters/{cluster}"

    def answers(method: str, asked: str) -> Any:
        if (method, asked) != ("GET", path):
            return None
        return {
            "name": cluster,
            "location": region,
            "locations": [f"{region}-a"],
            "status": "RUNNING",
            "endpoint": address,
            "masterAuth": {"clusterCaCertificate": ca},
            "legacyAbac": {},
            "networkConfig": {"network": f"projects/{project}/global/networks/{cluster}"},
            "selfLink": f"https://container.googleapis.com{path}",
        }

    return answers


class Azure:
    """Resource Manager, the directory's token endpoint, and the discovery of both, all at one address."""

    TENANT = "22222222-2222-2222-2222-222222222222"
    CLIENT = "33333333-3333-3333-3333-333333333333"
    INGESTOR = "44444444-4444-4444-4444-444444444444"

    def __init__(self, subscription: str, name: str, address: str, ca: str):
        self.own_address = ""  # known once the API listens
        self._group = f"/subscriptions/{subscription}/resourceGroups/{name}/providers"
        self._name, self._address, self._ca = name, address, ca

    def answers(self, method: str, path: str) -> Any:
        cluster = f"{self._group}/Microsoft.ContainerService/managedClusters/{self._name}"
        identity = f"{self._group}/Microsoft.ManagedIdentity/userAssignedIdentities/{self._name}-ingestor"
        if path == "/metadata/endpoints":
            return self._endpoints()
        if path.endswith("/token"):
            return {"token_type": "Bearer", "expires_in": 3600, "access_token": self._token()}
        if path == cluster:
            return self._resource(
                cluster,
                sku={"name": "Base", "tier": "Free"},
                properties={
                    "provisioningState": "Succeeded",
                    "enableRBAC": True,
                    "agentPoolProfiles": [],
                    "networkProfile": {},
                }
                | {"aadProfile": {"managed": True, "enableAzureRBAC": True}, "disableLocalAccounts": True},
            )
        if path == f"{cluster}/listClusterUserCredential":
            kubeconfig = base64.b64encode(json.dumps(self._kubeconfig()).encode()).decode()
            return {"kubeconfigs": [{"name": "clusterUser", "value": kubeconfig}]}
        if path == identity:
            ids = {"clientId": self.INGESTOR, "principalId": self.CLIENT, "tenantId": self.TENANT}
            return self._resource(identity, properties=ids)
        return None

    @staticmethod
    def _resource(path: str, **more: Any) -> dict[str, Any]:
        return {"id": path, "name": path.rsplit("/", 1)[1], "location": "germanywestcentral"} | more

    def _endpoints(self) -> dict[str, Any]:
        own = f"https://{self.own_address}"
        return {
            "name": "AzureCloud",
            "resourceManager": own,
            "microsoftGraphResourceId": f"{own}/graph",
            "authentication": {
                "loginEndpoint": own,
                "audiences": [own],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "suffixes": {"keyVaultDns": "vault.azure.net", "storage": "core.windows.net"},
        }

    def _token(self) -> str:
        def part(of: dict[str, Any]) -> str:
            return base64.urlsafe_b64encode(json.dumps(of).encode()).decode().rstrip("=")

        claims = {
            "oid": self.CLIENT,
            "tid": self.TENANT,
            "appid": self.CLIENT,
            "exp": int(time.time()) + 3600,
        }
        return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.c2ln"

    def _kubeconfig(self) -> dict[str, Any]:
        """The kubeconfig that AKS writes if local accounts are disabled: log-in by kubelogin, no key."""
        run = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "kubelogin",
            "args": ["get-token"],
        }
        cluster = {"server": f"https://{self._address}", "certificate-authority-data": self._ca}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self._name, "cluster": cluster}],
            "users": [{"name": "clusterUser", "user": {"exec": run}}],
            "contexts": [{"name": self._name, "context": {"cluster": self._name, "user": "clusterUser"}}],
            "current-context": self._name,
        }
