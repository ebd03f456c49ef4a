// Sends one event for each set of headers on standard input, {url, ca, certificate?, key?, headers: [...]}, and prints
// the statuses as JSON.
import https from "node:https";
import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(0, "utf8"));
const read = (file) => file && readFileSync(file);
const agent = new https.Agent({
  keepAlive: true,
  ca: read(given.ca),
  cert: read(given.certificate),
  key: read(given.key),
});

function send(headers) {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", agent, headers: { "Content-Type": "application/json", ...headers } };
    const request = https.request(given.url, options, (reply) => {
      reply.resume();
      reply.on("end", () => resolve(reply.statusCode));
    });
    request.on("error", reject);
    request.end('{"type":"order.paid"}');
  });
}

const statuses = [];
for (const headers of given.headers) statuses.push(await send(headers));
console.log(JSON.stringify(statuses));
agent.destroy();
