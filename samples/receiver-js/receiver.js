'use strict';

// A receiver of KlingFunctions' webhooks: it believes only those whose signature verifies, and acts once on each.
const http = require('node:http');
const { Webhook } = require('standardwebhooks');

const secret = process.env.WEBHOOK_SECRET;
if (!secret) throw new Error("Set the environment variable WEBHOOK_SECRET to the host's Webhooks:Secret, whsec_….");
const webhook = new Webhook(secret);
const mostBytes = 1024 * 1024;

// In memory for the sample's sake: keep the ids where your own data is.
const seen = new Set();

const server = http.createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status).end();
  if (request.method !== 'POST' || request.url !== '/webhooks') return answer(404);
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    if ((length += chunk.length) > mostBytes) return answer(413);
    chunks.push(chunk);
  }

  let message;
  try {
    // The bytes as they came: JSON that was read and written again has another signature.
    message = webhook.verify(Buffer.concat(chunks), request.headers);
  } catch {
    return answer(401);
  }

  // The same webhook may come twice, under the same id.
  const id = request.headers['webhook-id'];
  if (!seen.has(id)) {
    seen.add(id);
    console.log(message.type, message.data.id, message.data.video?.url ?? '');
  }
  return answer(204);
});

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${server.address().port}/webhooks`));
