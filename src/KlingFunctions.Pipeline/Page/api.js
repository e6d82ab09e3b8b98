// Calls of the routes, as any client makes them.
import { key, keyIsAsked } from './state.js';

// The last answer of each address, by its ETag: polling costs a header while nothing has changed.
const answers = new Map();

/** An answer that is no success: `status`, `detail`, `code`, `errors`. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `The host answered ${status}.`);
    this.status = status;
    this.code = problem?.code;
    this.errors = problem?.errors ?? [];
  }
}

export const headers = () => (key.peek() ? { 'x-functions-key': key.peek() } : {});

async function jsonOf(response) {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

export async function refusalOf(response) {
  if (response.status === 401) keyIsAsked.value = true;
  return new Refusal(response.status, await jsonOf(response));
}

export async function get(path, abort) {
  const known = answers.get(path);
  const response = await fetch(path, { headers: { ...headers(), ...known && { 'If-None-Match': known.tag } }, cache: 'no-store', signal: abort });
  if (response.status === 304) return known.value;
  if (!response.ok) throw await refusalOf(response);
  const value = await response.json();
  const tag = response.headers.get('ETag');
  if (tag) answers.set(path, { tag, value });
  return value;
}

export async function post(path, body, more = {}, abort = undefined) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { ...headers(), ...body !== undefined && { 'Content-Type': 'application/json' }, ...more },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: abort,
  });
  if (!response.ok) throw await refusalOf(response);
  return jsonOf(response);
}
