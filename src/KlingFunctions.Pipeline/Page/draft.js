// The video that is being described. It outlives a reload of the tab.
import { signal } from './lib.js';

const DRAFT = 'kling-draft';

const EMPTY = { prompt: '', elements: [], images: [], duration: '5', ratio: '16:9', webhook: '', metadata: undefined };

const read = () => {
  try {
    return { ...EMPTY, ...JSON.parse(sessionStorage.getItem(DRAFT) ?? '{}') };
  } catch {
    return EMPTY;
  }
};

export const draft = signal(read());
export const check = signal({ state: 'none', faults: [], warnings: [], price: undefined });

export function change(changes) {
  draft.value = { ...draft.peek(), ...changes };
  sessionStorage.setItem(DRAFT, JSON.stringify(draft.value));
}

export function clear() {
  change(EMPTY);
  check.value = { state: 'none', faults: [], warnings: [], price: undefined };
}

/** Describes a job's video anew. */
export function again(job) {
  const { prompt, elements, image_urls, duration, aspect_ratio, webhook_url } = job.request;
  change({
    prompt,
    elements: (elements ?? []).map(e => ({ front: [e.frontal_image_url].filter(Boolean), others: e.reference_image_urls ?? [] })),
    images: image_urls ?? [],
    duration: duration ?? '5',
    ratio: aspect_ratio ?? '16:9',
    // What the host does not show of a URL can't be sent again.
    webhook: webhook_url && !webhook_url.endsWith('?redacted') ? webhook_url : '',
    metadata: job.metadata,
  });
}

/** The request as the host takes it. */
export const bodyOf = d => ({
  prompt: d.prompt,
  elements: d.elements.map(e => ({ ...e.front[0] && { frontal_image_url: e.front[0] }, reference_image_urls: e.others })),
  image_urls: d.images,
  duration: d.duration,
  aspect_ratio: d.ratio,
  ...d.webhook.trim() && { webhook_url: d.webhook.trim() },
  ...d.metadata && { metadata: d.metadata },
});

/** What a prompt may name. */
export const namesOf = d => [...d.elements.map((_, i) => `@Element${i + 1}`), ...d.images.map((_, i) => `@Image${i + 1}`)];

/** The faults at a place of the request, or below it. */
export const faultsAt = (found, pointer) => found.faults.filter(f => f.pointer === pointer || f.pointer.startsWith(`${pointer}/`));
