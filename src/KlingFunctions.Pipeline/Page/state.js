// What the page knows. The host is the only source of jobs; the address says what is shown.
import { computed, signal } from './lib.js';

const KEY = 'kling-key';

export const key = signal(sessionStorage.getItem(KEY) ?? '');
export const keyIsAsked = signal(false);
export const trouble = signal(null);
export const jobs = signal(null);
export const counts = signal(null);
export const job = signal(null);
export const jobIsMissing = signal(false);
export const now = signal(Date.now());
export const notice = signal(null);

export function rememberKey(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  key.value = value;
}

function routeOf(hash) {
  const [path, query = ''] = hash.replace(/^#/, '').split('?');
  const [view, id] = path.split('/').filter(Boolean);
  const filter = new URLSearchParams(query);
  if (view === 'new') return { view: 'new', id: null, filter };
  return view === 'videos' && id ? { view: 'video', id: decodeURIComponent(id), filter } : { view: 'list', id: null, filter };
}

const hash = signal(location.hash);
addEventListener('hashchange', () => { hash.value = location.hash; });

export const route = computed(() => routeOf(hash.value));

/** The address of a view. The filter of the list stays, unless another is given. */
export function addressOf(path, filter = route.value.filter) {
  const query = filter.toString();
  return `#${path}${query ? `?${query}` : ''}`;
}

export const addressOfJob = id => addressOf(`/videos/${encodeURIComponent(id)}`);

export const ended = status => status === 'succeeded' || status === 'failed' || status === 'cancelled';

/** Whether something shown will change by itself soon. */
export const isBusy = computed(() =>
  [...jobs.value?.videos ?? [], ...job.value ? [job.value] : []].some(j => !ended(j.status)) ||
  (job.value?.notifications ?? []).some(n => n.state === 'pending' && n.attempts === 0));
