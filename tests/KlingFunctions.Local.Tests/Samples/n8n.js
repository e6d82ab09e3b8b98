'use strict';

// Plays a workflow of n8n from its own JSON, node by node, as n8n's documentation describes them: n8n itself is too big for a test.
// Called with the file and the key of the credential. Writes what each node gives as a line of JSON; exits with 1 if a node fails.
const fs = require('node:fs');
const http = require('node:http');

const [file, key] = process.argv.slice(2);
const workflow = JSON.parse(fs.readFileSync(file, 'utf8'));
const nodes = new Map(workflow.nodes.map((node) => [node.name, node]));
const execution = { id: '7', resumeUrl: '' };
let resume = null;

const evaluate = (value, json) => {
  if (typeof value !== 'string' || !value.startsWith('=')) return value;
  const run = (code) => new Function('$json', '$execution', `return (${code});`)(json, execution);
  const parts = value.slice(1).split(/\{\{([\s\S]*?)\}\}/);
  if (parts.length === 3 && !parts[0] && !parts[2]) return run(parts[1]);
  return parts.map((part, i) => (i % 2 ? run(part) : part)).join('');
};

const players = {
  manualTrigger: async () => ({}),
  set: async ({ assignments }, json) => Object.fromEntries(assignments.assignments.map((a) => [a.name, evaluate(a.value, json)])),
  httpRequest: async (parameters, json) => {
    const headers = {};
    for (const { name, value } of parameters.headerParameters?.parameters ?? []) headers[name] = evaluate(value, json);
    if (parameters.genericAuthType === 'httpHeaderAuth') headers['x-functions-key'] = key;
    if (parameters.sendBody) headers['content-type'] = 'application/json';
    const response = await fetch(evaluate(parameters.url, json), { method: parameters.method, headers, body: parameters.sendBody ? evaluate(parameters.jsonBody, json) : undefined });
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
    if (parameters.options.response?.response?.responseFormat !== 'file') return response.json();
    return { binary: { mimeType: response.headers.get('content-type'), size: (await response.arrayBuffer()).byteLength } };
  },
  wait: async ({ resume: how, httpMethod }) => {
    if (how !== 'webhook') throw new Error(`This does not play a wait that is resumed by ${how}.`);
    return new Promise((done) => { resume = { httpMethod, done }; });
  },
  if: async ({ conditions }, json) => {
    const holds = ({ leftValue, rightValue, operator }) => {
      if (operator.operation !== 'equals') throw new Error(`This does not play ${operator.operation}.`);
      return evaluate(leftValue, json) === evaluate(rightValue, json);
    };
    return { branch: conditions.conditions.every(holds) ? 0 : 1, json };
  },
  stopAndError: async ({ errorMessage }, json) => { throw new Error(evaluate(errorMessage, json)); },
};

// Before the Wait node is reached, n8n refuses the call.
const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (!resume || request.method !== resume.httpMethod || !request.url.startsWith('/webhook-waiting/7')) return response.writeHead(409).end();
  resume.done({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks)) });
  resume = null;
  return response.writeHead(200).end();
});

server.listen(0, '127.0.0.1', async () => {
  execution.resumeUrl = `http://127.0.0.1:${server.address().port}/webhook-waiting/7?signature=s3cr3t`;
  try {
    let [name] = workflow.nodes.filter((node) => node.type.endsWith('Trigger')).map((node) => node.name);
    for (let json = {}; name;) {
      const node = nodes.get(name);
      const given = await players[node.type.split('.')[1]](node.parameters, json);
      const branch = node.type.endsWith('.if') ? given.branch : 0;
      json = node.type.endsWith('.if') ? given.json : given;
      console.log(JSON.stringify({ node: name, json }));
      name = workflow.connections[name]?.main[branch]?.[0]?.node;
    }
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
    process.exitCode = 1;
  }
  server.close();
  server.closeAllConnections();
});
