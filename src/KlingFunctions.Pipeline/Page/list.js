import { html } from './lib.js';
import { addressOf, addressOfJob, counts, ended, jobs, now, route } from './state.js';
import { ago, costWords, exactly, stateWord, states } from './words.js';
import { Chosen, isTicked, Tick } from './chosen.js';
import { Thumbnail } from './media.js';

export function List() {
  const page = jobs.value;
  const filter = route.value.filter;
  if (!page) return html`<section class="list" aria-busy="true" aria-labelledby="title"><p class="hint loading">Loading …</p></section>`;
  const isFiltered = filter.size > 0;
  if (page.videos.length === 0 && !isFiltered) return html`<${Welcome} />`;
  return html`
    <section class="list" aria-labelledby="title">
      <${OfBatch} />
      <${Statuses} />
      ${page.videos.length === 0
        ? html`<p class="empty">No video matches. <a href="#/">Show all</a></p>`
        : html`<${Chosen} /><ul class="jobs">${page.videos.map(job => html`<${Row} key=${job.id} job=${job} />`)}</ul>`}
      <${Pages} page=${page} />
    </section>`;
}

function Statuses() {
  const filter = route.value.filter;
  const known = counts.value;
  if (!known) return null;
  const wanted = filter.get('status');
  const shown = states.filter(s => known.counts[s] > 0 || s === wanted);
  const to = status => {
    const query = new URLSearchParams(filter);
    query.delete('cursor');
    if (status) query.set('status', status);
    else query.delete('status');
    return addressOf('/', query);
  };
  return html`
    <nav class="statuses" aria-label="Videos by state">
      <a href=${to(null)} aria-current=${wanted ? undefined : 'true'}>All <span class="count">${known.total}</span></a>
      ${shown.map(s => html`
        <a key=${s} href=${to(s)} aria-current=${wanted === s ? 'true' : undefined}><span class=${`dot dot--${s}`}></span>${stateWord(s)} <span class="count">${known.counts[s]}</span></a>`)}
    </nav>`;
}

/** Which batch is shown, and how far it is. */
function OfBatch() {
  const filter = new URLSearchParams(route.value.filter);
  if (!filter.has('batch')) return null;
  const known = counts.value;
  const done = known && Object.entries(known.counts).reduce((sum, [status, count]) => sum + (ended(status) ? count : 0), 0);
  const batch = filter.get('batch');
  for (const name of ['batch', 'cursor']) filter.delete(name);
  return html`
    <p class="of-batch">Batch <code>${batch}</code>${known && html`, ${done} of ${known.total} ended`}
      <a href=${addressOf('/', filter)}>Show all videos</a></p>`;
}

function Row({ job }) {
  const isOpen = route.value.id === job.id;
  const cost = costWords(job);
  return html`
    <li class=${`job${isOpen ? ' job--open' : ''}${isTicked(job.id) ? ' job--ticked' : ''}`}>
      <${Tick} job=${job} />
      <${Thumbnail} job=${job} file=${job.video} />
      <div class="job__text">
        <a class="job__link" href=${addressOfJob(job.id)} aria-current=${isOpen ? 'true' : undefined}>${job.request.prompt}</a>
        <p class="job__facts">
          <${State} job=${job} />
          <span><time datetime=${job.created_at} title=${exactly(job.created_at)}>${ago(job.created_at, now.value)}</time></span>
          ${job.batch && html`<a class="job__batch" href=${addressOf('/', new URLSearchParams({ batch: job.batch }))}>batch ${job.batch.slice(4, 12)}…</a>`}
          ${job.upload && html`<span class="job__upload">from ${job.upload}</span>`}
          ${cost && html`<span>${cost}</span>`}
          ${job.expected_at && !ended(job.status) && html`<span>ready ${ago(job.expected_at, now.value)}</span>`}
        </p>
        ${job.error && html`<p class="job__error">${job.error.message}</p>`}
      </div>
    </li>`;
}

export function State({ job }) {
  const place = job.status === 'in_queue' ? job.provider?.queue_position : null;
  return html`<span class=${`state state--${job.status}`}><span class=${`dot dot--${job.status}`}></span>${stateWord(job.status)}${place != null ? `, place ${place}` : ''}</span>`;
}

function Pages({ page }) {
  const filter = route.value.filter;
  const first = new URLSearchParams(filter);
  first.delete('cursor');
  const next = new URLSearchParams(first);
  if (page.next_cursor) next.set('cursor', page.next_cursor);
  if (!page.next_cursor && !filter.has('cursor')) return null;
  return html`
    <nav class="pages" aria-label="Pages">
      ${filter.has('cursor') && html`<a class="button" href=${addressOf('/', first)}>Newest</a>`}
      ${page.next_cursor && html`<a class="button" href=${addressOf('/', next)}>Older</a>`}
    </nav>`;
}

function Welcome() {
  return html`
    <section class="welcome card">
      <img src="page/icon.svg" alt="" width="64" height="64" />
      <h2>Make your first video</h2>
      <p>Write what should happen, add the pictures that it should happen with, and send it. RunComfy makes the video. When it is ready, it is in your own storage.</p>
      <ol class="steps">
        <li>Add pictures: a place as <b>@Image1</b>, a character as <b>@Element1</b>.</li>
        <li>Name them in the prompt: <q>@Element1 walks through @Image1 at dawn</q>.</li>
        <li>Everything is checked before anything is paid.</li>
      </ol>
      <a class="button button--main" href="#/new">New video</a>
    </section>`;
}
