// Asks the host again: every 3 s while something runs, every 30 s otherwise, and not at all while nobody looks.
import { batch, effect } from './lib.js';
import { get } from './api.js';
import { counts, isBusy, job, jobIsMissing, jobs, keyIsAsked, notice, now, route, trouble } from './state.js';

const SOON = 3_000;
const LATER = 30_000;
const PAGE = 25;

let timer;
let round = 0;

export const listAddress = filter => {
  const query = new URLSearchParams(filter);
  query.set('limit', PAGE);
  return `api/videos?${query}`;
};

const countsAddress = filter => {
  const query = new URLSearchParams(filter);
  query.delete('status');
  query.delete('cursor');
  const text = query.toString();
  return `api/videos/counts${text ? `?${text}` : ''}`;
};

async function jobOf(id) {
  if (!id) return { value: null, isMissing: false };
  try {
    return { value: await get(`api/videos/${encodeURIComponent(id)}`), isMissing: false };
  } catch (refusal) {
    if (refusal.status === 404) return { value: null, isMissing: true };
    throw refusal;
  }
}

/** Asks now. A later call makes the answers of an earlier one void. */
export async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  const mine = ++round;
  const { id, filter } = route.peek();
  try {
    const [list, number, one] = await Promise.all([get(listAddress(filter)), get(countsAddress(filter)), jobOf(id)]);
    if (mine !== round) return;
    batch(() => {
      jobs.value = list;
      counts.value = number;
      job.value = one.value;
      jobIsMissing.value = one.isMissing;
      keyIsAsked.value = false;
      trouble.value = null;
      now.value = Date.now();
    });
  } catch (problem) {
    if (mine !== round) return;
    trouble.value = problem.status === 401 ? null : problem.status ? problem.message : 'The host does not answer. Trying again …';
    now.value = Date.now();
  }
  if (mine !== round || keyIsAsked.peek()) return;
  timer = setTimeout(refresh, isBusy.peek() ? SOON : LATER);
}

export function startPolling() {
  document.addEventListener('visibilitychange', refresh);
  // A new address: what was shown of another job goes at once.
  effect(() => {
    const { id } = route.value;
    if (job.peek() && job.peek().id !== id) job.value = null;
    jobIsMissing.value = false;
    notice.value = null;
    refresh();
  });
}
