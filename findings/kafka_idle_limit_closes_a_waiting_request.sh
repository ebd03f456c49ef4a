#!/usr/bin/env bash
# Expected: connections.max.idle.ms closes connections without activity. One whose request the broker itself delays
# (a long fetch, acks=all that waits for replicas) is not idle: the client waits for its answer.
# Seen (Kafka 4.1.1): only bytes on the wire count. A fetch that may wait 8 s is cut off after 4 s of "idleness" by the
# same broker: FIN, no answer, no error code. One that may wait 2 s is answered with an empty batch.
# Impact: a client can't distinguish this from a broker that stops. For a fetch it costs a connection; the result of a
# produce request is unknown. Keep each wait (max_wait_ms, a produce request's time-out) below the brokers' limit.
# The default is 10 minutes; the problem occurs if it is set lower, for example because of a load balancer.
# Source: documented as "close the connections that idle more than this"; "idle" is not defined.
# Needs java 17, mvn, python3; mvn keeps its cache. Exit 0: as described, 1: it has changed, 2: it could not be run.
set -euo pipefail

version=4.1.1
work=$(mktemp -d)
broker=""
trap '[[ -z $broker ]] || { kill -KILL "$broker" && wait "$broker"; } 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
give_up() {
  tail -n 20 "$work/log" >&2
  exit 2
}

cat >"$work/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
timeout --foreground 120 mvn -q -B -f "$work/pom.xml" $copy -DincludeScope=runtime -DoutputDirectory="$work/libs" \
  >"$work/log" 2>&1 || give_up

read -r port controller < <(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in held))')
cat >"$work/server.properties" <<CONF
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=$work/data
connections.max.idle.ms=4000
CONF
java=(java -XX:TieredStopAtLevel=1 -Xmx512m -cp "$work/libs/*")
"${java[@]}" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c "$work/server.properties" \
  >>"$work/log" 2>&1 || give_up
"${java[@]}" kafka.Kafka "$work/server.properties" >>"$work/log" 2>&1 &
broker=$!

cat >"$work/client.py" <<'PYTHON'
import socket, struct, sys, time

def connect():
    until = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
        except OSError:
            if time.monotonic() > until:
                sys.exit(3)
            time.sleep(0.2)

def call(api, version, body):
    request = struct.pack(">hhih", api, version, 7, -1) + body
    link.sendall(struct.pack(">i", len(request)) + request)
    reply = link.makefile("rb")
    return reply.read(struct.unpack(">i", reply.read(4))[0])[4:]

def text(word):
    return struct.pack(">h", len(word)) + word

def fetch(wait_ms):
    """The received bytes, and after how many seconds. The topic is empty, so the broker waits as long as allowed."""
    topic = text(b"t") + struct.pack(">iiqi", 1, 0, 0, 1 << 20)
    request = struct.pack(">hhihiiiibi", 1, 4, 7, -1, -1, wait_ms, 1, 1 << 20, 0, 1) + topic
    began = time.monotonic()
    link.sendall(struct.pack(">i", len(request)) + request)
    answer = link.recv(4096)
    said = f"an answer of {len(answer)} bytes" if answer else "CLOSED without an answer"
    return said, time.monotonic() - began

link = connect()
call(3, 1, struct.pack(">i", 1) + text(b"t"))  # Metadata: creates the topic
time.sleep(2)
seen = []
for wait in (2000, 8000, 2000, 8000):
    link = connect()
    said, seconds = fetch(wait)
    print(f"fetch that may wait {wait} ms: {said} after {seconds:.1f} s")
    seen.append((said.startswith("CLOSED"), seconds < 7))
same = seen == [(False, True), (True, True)] * 2
print("as described" if same else "THE BEHAVIOUR HAS CHANGED")
sys.exit(0 if same else 1)
PYTHON

echo "Apache Kafka $version, connections.max.idle.ms=4000"
status=0
timeout --foreground 100 python3 "$work/client.py" "$port" || status=$?
((status <= 1)) || give_up
exit "$status"
