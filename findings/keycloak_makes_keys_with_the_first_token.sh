#!/usr/bin/env bash
# Expected: an issuer publishes a key before it signs with it, so a verifier that has just fetched the JWK Set knows all keys.
# Seen (Keycloak 26.7.3): a new realm publishes one key for signatures, of RS256. The keys of all other algorithms are made
# with the first token that needs one, so the kid of that token is in no JWK Set that was fetched before.
# Impact: a verifier that has fetched the keys at its start refuses the first tokens of a client with ES256, PS256 or
# EdDSA, for as long as it limits the rate of fetches. Usual limits count from any fetch and are 30 s or minutes.
# Count from the last fetch that an unknown kid has caused, so that the first unknown kid leads to a fetch at once.
# Source: fallback keys are in Keycloak's DefaultKeyManager.java; the documentation of realm keys doesn't mention them.
# Needs java 17, mvn, python3; mvn keeps its cache. Exit 0: as described, 1: it has changed, 2: it could not be run.
set -euo pipefail

version=26.7.3
work=$(mktemp -d)
touch "$work/errors"
server=""
trap '[[ -z $server ]] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
give_up() {
  tail -q -n 20 "$work/log" "$work/errors" >&2
  exit 2
}

copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy
artifact=org.keycloak:keycloak-quarkus-dist:$version:zip
timeout --foreground 300 mvn -q -B $copy "-Dartifact=$artifact" "-DoutputDirectory=$work" >"$work/log" 2>&1 || give_up
python3 -c 'import shutil, sys; shutil.unpack_archive(*sys.argv[1:])' "$work/keycloak-quarkus-dist-$version.zip" "$work"
export KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin
JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1 bash "$work/keycloak-$version/bin/kc.sh" start-dev --db=dev-mem \
  --http-host=127.0.0.1 --http-port=0 --cache=local >>"$work/log" 2>&1 &
server=$!

cat >"$work/client.py" <<'PYTHON'
import base64, json, pathlib, re, sys, time, urllib.parse, urllib.request

def port():
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = re.search(r"Listening on: http://127\.0\.0\.1:(\d+)", pathlib.Path(sys.argv[1]).read_text())
        if found:
            return found[1]
        time.sleep(0.5)
    sys.exit(3)

url = f"http://127.0.0.1:{port()}"

def call(path, data=None, headers=()):
    with urllib.request.urlopen(urllib.request.Request(url + path, data, dict(headers)), timeout=30) as reply:
        body = reply.read()
    return json.loads(body) if body else None

def token(realm, **form):
    path = f"/realms/{realm}/protocol/openid-connect/token"
    return call(path, urllib.parse.urlencode(form).encode())["access_token"]

def published():
    return {key["kid"]: key["alg"] for key in call("/realms/r/protocol/openid-connect/certs")["keys"]}

client = {
    "clientId": "c", "secret": "s", "serviceAccountsEnabled": True,
    "attributes": {"access.token.signed.response.alg": "ES256"},
}
realm = {"realm": "r", "enabled": True, "clients": [client]}
admin = token("master", grant_type="password", client_id="admin-cli", username="admin", password="admin")
headers = {"Authorization": f"Bearer {admin}", "Content-Type": "application/json"}
call("/admin/realms", json.dumps(realm).encode(), headers)

before = published()
header = token("r", grant_type="client_credentials", client_id="c", client_secret="s").split(".")[0]
kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
after = published()
print("before the first ES256 token:", sorted(before.values()), "- the token's key is there:", kid in before)
print("after it:                    ", sorted(after.values()), "- the token's key is there:", kid in after)
same = kid not in before and after.get(kid) == "ES256"
print("as described" if same else "THE BEHAVIOUR HAS CHANGED")
sys.exit(0 if same else 1)
PYTHON

echo "Keycloak $version, a realm whose only client has tokens with ES256"
status=0
timeout --foreground 200 python3 "$work/client.py" "$work/log" 2>>"$work/errors" || status=$?
((status <= 1)) || give_up
exit "$status"
