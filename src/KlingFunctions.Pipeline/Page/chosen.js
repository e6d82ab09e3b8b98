// Rows that are ticked, and what can be done with all of them at once.
import { computed, html, signal } from './lib.js';
import { post } from './api.js';
import { refresh } from './polling.js';
import { jobs, notice } from './state.js';

const ticked = signal(new Set());
const busy = signal(null);

// What is ticked and no longer shown is not acted on: nobody would see it.
const chosen = computed(() => (jobs.value?.videos ?? []).filter(job => ticked.value.has(job.id)));

const ACTIONS = [
  { name: 'cancel', label: 'Cancel', fits: job => job.links.cancel, said: count => `Cancel requested for ${count}. RunComfy does not stop a video that it already generates.` },
  { name: 'resume', label: 'Resume', fits: job => job.links.resume && job.error?.code !== 'submission_in_doubt', said: count => `${count} resumed.` },
  { name: 'redeliver', label: 'Send webhooks again', fits: job => job.links.redeliver, said: count => `The webhooks of ${count} are sent again.` },
];

const videos = count => `${count} ${count === 1 ? 'video' : 'videos'}`;

function tick(ids, isOn) {
  const next = new Set(ticked.peek());
  for (const id of ids) {
    if (isOn) next.add(id);
    else next.delete(id);
  }
  ticked.value = next;
}

export const isTicked = id => ticked.value.has(id);

export function Tick({ job }) {
  return html`
    <span class="tick"><input type="checkbox" aria-label=${`Select: ${job.request.prompt}`} checked=${isTicked(job.id)}
      onChange=${event => tick([job.id], event.target.checked)} /></span>`;
}

export function Chosen() {
  const shown = jobs.value.videos;
  const count = chosen.value.length;
  return html`
    <div class="chosen" role="group" aria-label="Actions for selected videos">
      <label class="chosen__all"><span class="tick"><input id="all" type="checkbox" checked=${count > 0 && count === shown.length}
        ref=${e => { if (e) e.indeterminate = count > 0 && count < shown.length; }}
        onChange=${event => tick(shown.map(job => job.id), event.target.checked)} /></span>
        ${count > 0 ? `${count} selected` : 'Select all'}</label>
      ${count > 0 && ACTIONS.map(action => html`
        <button key=${action.name} type="button" class="button" disabled=${busy.value || !chosen.value.some(action.fits)} onClick=${() => act(action)}>${action.label}</button>`)}
    </div>`;
}

async function act(action) {
  const ids = chosen.peek().filter(action.fits).map(job => job.id);
  busy.value = action.name;
  try {
    const answers = (await post(`api/videos/${action.name}`, { ids })).videos;
    const refused = answers.filter(answer => answer.problem);
    const done = answers.length - refused.length;
    notice.value = [
      done > 0 && action.said(videos(done)),
      refused.length > 0 && `${videos(refused.length)} refused: ${refused[0].problem.detail}`,
    ].filter(Boolean).join(' ');
    await refresh();
  } catch (refusal) {
    notice.value = refusal.message;
  }
  ticked.value = new Set();
  busy.value = null;
  // The button is gone: whoever pressed it goes on in the list.
  document.getElementById('all')?.focus();
}
