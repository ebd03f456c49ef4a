#!/usr/bin/env bash
# Expected: for producer.id.expiration.ms (a day) a broker knows the batches of an idempotent producer and detects repeats.
# Seen (Kafka 4.1.1): the day is counted from the newest timestamp in the records, not from the time of writing. A
# batch dated 25 hours back expires at the broker's next check, however recently it was written: the same batch again gets
# code 0 and a new offset, and is in the log twice. One dated 23 hours back, sent at the same time, is still known.
# Impact: a producer that writes old events with their own time (a backfill, a replay) is idempotent only until the next
# check. A later retry silently creates a duplicate. Use the time of sending as the timestamp; keep the event's in the value.
# Source: the documentation of producer.id.expiration.ms (KIP-854) names only retention as a reason to expire sooner,
# and says that a value of at least delivery.timeout.ms helps against duplicates by retries.
# Here the check runs every 8 s, by default every 10 minutes (producer.id.expiration.check.interval.ms).
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
producer.id.expiration.check.interval.ms=8000
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

link = connect()
call(3, 1, struct.pack(">i", 1) + text(b"t"))  # Metadata: creates the topic
now = int(time.time() * 1000)
batches = {hours: batch(new_producer(), 0, now - hours * 3600_000) for hours in (23, 25)}
first = {hours: produce(records) for hours, records in batches.items()}
again = {hours: produce(records) for hours, records in batches.items()}
for hours in batches:
    print(f"records dated {hours} h back: first (code, offset) {first[hours]}, repeat at once {again[hours]}")
began = time.monotonic()
late = again
while late == first and time.monotonic() < began + 30:
    time.sleep(1)
    late = {hours: produce(records) for hours, records in batches.items()}
for hours in batches:
    verdict = "known, not written again" if late[hours] == first[hours] else "WRITTEN A SECOND TIME"
    print(f"records dated {hours} h back: repeat after {time.monotonic() - began:.0f} s {late[hours]}: {verdict}")
same = again == first and late[23] == first[23] and late[25] == (0, 2)
print("as described" if same else "THE BEHAVIOUR HAS CHANGED")
sys.exit(0 if same else 1)
PYTHON

echo "Apache Kafka $version, producer.id.expiration.ms=86400000 (the default)"
status=0
timeout --foreground 100 python3 "$work/client.py" "$port" || status=$?
((status <= 1)) || give_up
exit "$status"
