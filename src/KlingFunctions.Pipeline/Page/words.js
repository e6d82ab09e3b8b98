// How things are said.
const STATES = {
  accepted: 'Accepted',
  validating: 'Checking images',
  submitting: 'Submitting',
  in_queue: 'In queue',
  in_progress: 'Generating',
  storing: 'Storing',
  succeeded: 'Ready',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

export const states = Object.keys(STATES);
export const stateWord = status => STATES[status] ?? status;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' });
const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60]];

/** A time as seen from another: "3 minutes ago", "in 2 hours". */
export function ago(time, from) {
  const seconds = (Date.parse(time) - from) / 1_000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return Math.abs(seconds) < 10 ? 'just now' : relative.format(Math.trunc(seconds), 'second');
}

export const exactly = time => new Date(time).toLocaleString();

/** An amount of money; null if it is not known. */
export const money = price => price?.amount == null
  ? null
  : new Intl.NumberFormat('en', { style: 'currency', currency: price.currency ?? 'USD', minimumFractionDigits: 2, maximumFractionDigits: 3 }).format(price.amount);

/** A price in words. One that is not known is said to be so. */
export function priceWords(price) {
  const amount = money(price);
  if (!amount) return 'not known';
  if (price.source === 'simulator') return 'simulated, nothing is paid';
  return price.per === 'video' ? amount : `${amount} a ${price.per}`;
}

/** What a job did cost; null if RunComfy has not told. */
export const costWords = job => job.cost ? `${money(job.cost)}${job.price?.source === 'simulator' ? ', simulated' : ''}` : null;

export function bytes(count) {
  if (count < 1_000_000) return `${Math.max(1, Math.round(count / 1_000))} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

/** The last segment of a path or URL: enough to know an image again. */
export function nameOf(url) {
  const path = url.split(/[?#]/)[0].replace(/\/+$/, '');
  try {
    return decodeURIComponent(path.slice(path.lastIndexOf('/') + 1)) || url;
  } catch {
    return path.slice(path.lastIndexOf('/') + 1) || url;
  }
}
