#!/usr/bin/env bash
# Expected: another version of the Python CloudEvents SDK reads an event unchanged, in each HTTP mode.
# Seen (cloudevents 1.12.0 and 2.2.0): in binary mode, where attributes are headers, 2.2.0 percent-encodes their values
# and decodes them; 1.12.0 does neither. So a subject "reports/q1%20final.pdf" sent by 1.12.0 is read by 2.2.0 as
# "reports/q1 final.pdf"; in the other direction it is "reports/q1%2520final.pdf". Each version with itself, and structured
# mode in all four directions, keeps the subject. There is no error and no warning.
# Impact: object keys and URLs are such values. During an upgrade an event names another object; an id or a source
# with a % becomes another key for deduplication. A server can't tell from the request which version sent it.
# Source: the HTTP binding (1.0.2, section 3.1.3.2) requires encoding and one round of decoding, so 2.2.0 is right;
# cloudevents/spec issue 1397 reports SDKs of other languages that do neither.
# Needs python3 with venv. Exit 0: as described, 1: it has changed, 2: it could not be run.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
give_up() {
  tail -n 20 "$work/log" >&2
  exit 2
}

versions=(1.12.0 2.2.0)
for version in "${versions[@]}"; do
  python3 -m venv "$work/$version" >>"$work/log" 2>&1 || give_up
  timeout --foreground 80 "$work/$version/bin/pip" install --quiet "cloudevents==$version" >>"$work/log" 2>&1 || give_up
done

# one.py receive: prints its port, then the header and the subject of the one event that arrives.
# one.py send MODE PYTHON: starts a receiver under that Python, sends it an event and prints what it printed.
cat >"$work/one.py" <<'PYTHON'
import http.client, http.server, importlib.metadata, subprocess, sys

SUBJECT = "reports/q1%20final.pdf"
ATTRIBUTES = {"specversion": "1.0", "type": "com.example.report", "source": "/reports", "id": "1", "subject": SUBJECT}

if importlib.metadata.version("cloudevents").startswith("1."):
    from cloudevents.conversion import to_binary, to_structured
    from cloudevents.http import CloudEvent, from_http

    def encode(mode):
        return (to_binary if mode == "binary" else to_structured)(CloudEvent(ATTRIBUTES, {"pages": 3}))

    def subject_of(headers, body):
        return from_http(headers, body)["subject"]
else:
    from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
    from cloudevents.core.v1.event import CloudEvent

    def encode(mode):
        event = CloudEvent(ATTRIBUTES, {"pages": 3})
        message = (to_binary_event if mode == "binary" else to_structured_event)(event)
        return message.headers, message.body

    def subject_of(headers, body):
        return from_http_event(HTTPMessage(headers, body)).get_subject()

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        print(self.headers.get("ce-subject", "-"), subject_of(dict(self.headers), body), sep="\t", flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

if sys.argv[1] == "receive":
    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.timeout = 20
        print(server.server_port, flush=True)
        server.handle_request()
else:
    headers, body = encode(sys.argv[2])
    with subprocess.Popen([sys.argv[3], sys.argv[0], "receive"], stdout=subprocess.PIPE, text=True) as receiver:
        connection = http.client.HTTPConnection("127.0.0.1", int(receiver.stdout.readline()), timeout=20)
        connection.request("POST", "/", body, dict(headers))
        assert connection.getresponse().status == 204
        print(receiver.stdout.readline(), end="")
PYTHON

# exchange SENDER RECEIVER MODE: prints and checks what the receiver read.
exchange() {
  local line header subject wanted='reports/q1%20final.pdf'
  line=$(timeout --foreground 40 "$work/$1/bin/python" "$work/one.py" send "$3" "$work/$2/bin/python" \
    2>>"$work/log") || give_up
  IFS=$'\t' read -r header subject <<<"$line"
  printf '%-6s -> %-6s %-10s ce-subject: %-28s read as: %s\n' "$1" "$2" "$3" "$header" "$subject"
  case $3/$1/$2 in
    binary/1.12.0/2.2.0) wanted='reports/q1 final.pdf' ;;
    binary/2.2.0/1.12.0) wanted='reports/q1%2520final.pdf' ;;
  esac
  [[ $subject == "$wanted" ]] || changed=yes
}

changed=no
echo "cloudevents ${versions[*]}; subject sent: reports/q1%20final.pdf"
for mode in binary structured; do
  for sender in "${versions[@]}"; do
    for receiver in "${versions[@]}"; do exchange "$sender" "$receiver" $mode; done
  done
done
[[ $changed == no ]] || {
  echo "THE BEHAVIOUR HAS CHANGED"
  exit 1
}
echo "as described: only binary mode between the two versions changes the subject"
