// The host checks the draft while it is written: the same checks that stand before a paid submission, and free.
import { effect } from './lib.js';
import { post } from './api.js';
import { bodyOf, check, draft } from './draft.js';

const REST = 700;

/** Checks each draft that rests for a moment; ends with the function that it returns. */
export function startChecking() {
  let timer;
  let abort;
  const stop = effect(() => {
    const body = bodyOf(draft.value);
    clearTimeout(timer);
    abort?.abort();
    if (!body.prompt.trim()) {
      check.value = { ...check.peek(), state: 'none', faults: [], warnings: [] };
      return;
    }
    check.value = { ...check.peek(), state: 'checking' };
    timer = setTimeout(async () => {
      abort = new AbortController();
      try {
        const { warnings, price } = await post('api/videos/validate', body, {}, abort.signal);
        check.value = { state: 'good', faults: [], warnings, price };
      } catch (refusal) {
        if (refusal.name === 'AbortError') return;
        check.value = refusal.status === 400
          ? { ...check.peek(), state: 'bad', faults: refusal.errors, warnings: [] }
          : { ...check.peek(), state: 'unknown', faults: [], warnings: [] };
      }
    }, REST);
  });
  return () => {
    stop();
    clearTimeout(timer);
    abort?.abort();
  };
}
