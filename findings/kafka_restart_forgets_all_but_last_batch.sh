#!/usr/bin/env bash
# Expected: a broker knows the last five batches of an idempotent producer, so that a client with five in flight may
# repeat any of them: the answer is success, with the offset of the first time. This survives a restart.
# Seen (Kafka 4.1.1): after a restart, also a clean one, it knows only the LAST batch of each producer. The one before
# it, repeated, is answered with 45 OUT_OF_ORDER_SEQUENCE_NUMBER, though it is in the log, unchanged.
# Impact: 45 looks as if a previous batch had been lost, but none was. A client that lost the replies of several batches
# can't learn their results by repeating them after the restart: with a new producer id it creates duplicates.
# With one batch in flight for each partition the problem does not occur.
# Source: KAFKA-5494 keeps five batches; max.in.flight.requests.per.connection (at most 5) names no exception.
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
CONF
java=(java -XX:TieredStopAtLevel=1 -Xmx512m -cp "$work/libs/*")
"${java[@]}" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c "$work/server.properties" \
  >>"$work/log" 2>&1 || give_up
start() {
  "${java[@]}" kafka.Kafka "$work/server.properties" >>"$work/log" 2>&1 &
  broker=$!
}
client() {
  local status=0
  timeout --foreground 80 python3 "$work/client.py" "$port" "$1" "$work/pid" || status=$?
  ((status <= 1)) || give_up
  ((status == 0)) || exit 1
}

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

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF

def batch(pid, sequence, stamp):
    record = b"\0\0\0\1\x0aevent\0"  # no attributes, deltas 0, no key, five bytes, no headers
    tail = struct.pack(">hiqqqhii", 0, 0, stamp, stamp, pid, 0, sequence, 1) + bytes([2 * len(record)]) + record
    return struct.pack(">qiibI", 0, len(tail) + 9, -1, 2, crc32c(tail)) + tail

def produce(records):
    """The code and the base offset; waits for a topic that is still being created."""
    body = struct.pack(">hhii", -1, -1, 10000, 1) + text(b"t") + struct.pack(">iii", 1, 0, len(records)) + records
    for _ in range(100):
        code, offset = struct.unpack_from(">hq", call(0, 7, body), 15)
        if code not in (3, 5, 6):
            break
        time.sleep(0.1)
    return code, offset

def new_producer():
    for _ in range(100):
        code, pid = struct.unpack_from(">hq", call(22, 0, struct.pack(">hi", -1, 60000)), 4)
        if code == 0:
            return pid
        time.sleep(0.1)
    sys.exit(3)

def show(what, sequence, wanted):
    got = produce(batch(pid, sequence, int(time.time() * 1000)))
    print(f"{what}, sequence {sequence}: code {got[0]}, base offset {got[1]}")
    if got != wanted:
        print(f"THE BEHAVIOUR HAS CHANGED: it was {wanted}")
        sys.exit(1)

link = connect()
if sys.argv[2] == "before":
    call(3, 1, struct.pack(">i", 1) + text(b"t"))  # Metadata: creates the topic
    pid = new_producer()
    open(sys.argv[3], "w").write(str(pid))
    for sequence in range(5):
        show("new", sequence, (0, sequence))
    for sequence in (0, 3, 4):
        show("repeat", sequence, (0, sequence))
else:
    pid = int(open(sys.argv[3]).read())
    show("repeat of the last", 4, (0, 4))
    show("repeat of the one before", 3, (45, -1))
    show("repeat of the first", 0, (45, -1))
    show("new", 5, (0, 5))
PYTHON

echo "Apache Kafka $version"
start
client before
kill -TERM "$broker"
wait "$broker" || true
echo "-- the broker was stopped (SIGTERM) and started again"
start
client after
echo "as described: 45 for batches that are in the log at offsets 0 and 3"
