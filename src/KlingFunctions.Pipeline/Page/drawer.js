import { Component, html } from './lib.js';
import { addressOf, ended, job as shown, jobIsMissing, notice, now } from './state.js';
import { post } from './api.js';
import { refresh } from './polling.js';
import { ago, bytes, costWords, exactly, money, priceWords } from './words.js';
import { imageName } from './assets.js';
import { again } from './draft.js';
import { Player } from './media.js';
import { State } from './list.js';

/** One job: what it does, what came of it, and what can be done about it. */
export class Drawer extends Component {
  componentDidMount() {
    this.onKey = event => { if (event.key === 'Escape' && !event.defaultPrevented) this.close(); };
    addEventListener('keydown', this.onKey);
    this.root.focus();
  }

  componentWillUnmount() {
    removeEventListener('keydown', this.onKey);
    this.linkInList()?.focus();
  }

  // The reader goes on in the list where it was left.
  linkInList() {
    return [...document.querySelectorAll('.job__link')].find(link => link.hash.includes(this.props.id));
  }

  close() {
    location.hash = addressOf('/');
  }

  async act(name, action, body) {
    this.setState({ busy: name, fault: null });
    try {
      await post(`api/videos/${encodeURIComponent(this.props.id)}/${action}`, body);
      notice.value = SAID[action];
      await refresh();
      this.setState({ busy: null });
    } catch (refusal) {
      this.setState({ busy: null, fault: refusal.message });
    }
  }

  render({ id }, { busy, fault }) {
    const job = shown.value;
    return html`
      <aside class="drawer card" role="region" aria-labelledby="drawer-title" tabindex="-1" ref=${e => { this.root = e; }}>
        <div class="drawer__top">
          <h2 id="drawer-title">${job ? html`<${State} job=${job} />` : 'Video'}</h2>
          <button type="button" class="close" aria-label="Close" onClick=${() => this.close()}>×</button>
        </div>
        ${jobIsMissing.value && html`<p class="fault">There is no video <code>${id}</code> here.</p>`}
        ${!job && !jobIsMissing.value && html`<p class="hint loading">Loading …</p>`}
        ${job && html`
          ${job.video && html`<${Player} key=${job.video.sha256} file=${{ ...job.video, download: fileName(job) }} />`}
          ${job.error && html`<${Failure} job=${job} act=${(...a) => this.act(...a)} busy=${busy} />`}
          ${job.warnings.map(w => html`<p key=${w.code + w.pointer} class="warning">${w.message}</p>`)}
          <p class="prompt">${job.request.prompt}</p>
          <div class="actions">
            ${job.links.cancel && html`<button type="button" class="button" disabled=${busy} onClick=${() => this.act('cancel', 'cancel')}>Cancel</button>`}
            ${job.links.redeliver && html`<button type="button" class="button" disabled=${busy} onClick=${() => this.act('redeliver', 'redeliver')}>Send webhooks again</button>`}
            <button type="button" class="button" onClick=${() => { again(job); location.hash = addressOf('/new'); }}>Make again with changes</button>
          </div>
          ${fault && html`<p class="fault" role="alert">${fault}</p>`}
          <${Timeline} job=${job} />
          <${Notifications} job=${job} />
          <${Facts} job=${job} />`}
      </aside>`;
  }
}

const SAID = {
  cancel: 'Cancel requested. RunComfy does not stop a video that it already generates.',
  resume: 'The job continues.',
  redeliver: 'The webhooks are sent again.',
};

const fileName = job => `${job.id}.${job.video.content_type.split('/')[1]}`;

function Failure({ job, act, busy }) {
  const isInDoubt = job.error.code === 'submission_in_doubt';
  const price = money(job.price?.per === 'video' ? job.price : null);
  return html`
    <div class="failure">
      <p>${job.error.message}</p>
      ${(job.error.details ?? []).map(d => html`<p key=${d.pointer + d.code} class="hint">${d.message}</p>`)}
      ${isInDoubt && html`
        <form class="inline" onSubmit=${event => watch(event, act)}>
          <label for="request-id">Request id, from RunComfy's Generations page</label>
          <div class="inline__row"><input id="request-id" name="request_id" autocomplete="off" spellcheck=${false} required /><button class="button" disabled=${busy}>Watch it</button></div>
        </form>
        <button type="button" class="button button--bad" disabled=${busy} onClick=${() => act('resubmit', 'resume', { resubmit: true })}>
          Submit again${price ? `, ${price}` : ''}</button>
        <p class="hint">If RunComfy did accept the first submission, both are paid.</p>`}
      ${job.links.resume && !isInDoubt && html`<button type="button" class="button button--main" disabled=${busy} onClick=${() => act('resume', 'resume')}>Resume</button>`}
      <p class="hint">Code <code>${job.error.code}</code>. ${PAID[job.paid]}</p>
    </div>`;
}

function watch(event, act) {
  event.preventDefault();
  act('watch', 'resume', { request_id: new FormData(event.target).get('request_id').trim() });
}

const PAID = { no: 'Nothing was paid.', yes: 'It was paid.', unknown: 'It may have been paid: RunComfy does not report it.' };

const STAGES = ['Accepted', 'In queue', 'Generating', 'Stored', 'Notified'];
const REACHED = { accepted: 0, validating: 0, submitting: 0, in_queue: 1, in_progress: 2, storing: 3, succeeded: 4 };

function reachedBy(job) {
  if (job.status in REACHED) return REACHED[job.status];
  if (!job.provider) return 0;
  return job.provider.status === 'completed' ? 3 : job.provider.status === 'in_progress' ? 2 : 1;
}

function Timeline({ job }) {
  const reached = reachedBy(job);
  const open = job.notifications.filter(n => n.state === 'pending').length;
  const lost = job.notifications.filter(n => n.state === 'dead_letter').length;
  const stageOf = i => {
    if (i === 4) {
      if (!ended(job.status) || job.notifications.length === 0) return ['ahead', ended(job.status) ? 'nobody asked' : ''];
      return lost ? ['bad', `${lost} given up`] : open ? ['now', 'on its way'] : ['done', `${job.notifications.length} of ${job.notifications.length}`];
    }
    if (job.status === 'succeeded' || i < reached) return ['done', ''];
    if (i > reached) return ['ahead', ''];
    return job.status === 'failed' ? ['bad', 'failed here'] : job.status === 'cancelled' ? ['bad', 'cancelled here'] : ['now', ''];
  };
  return html`
    <ol class="timeline" aria-label="Stages">
      ${STAGES.map((name, i) => {
        const [kind, more] = stageOf(i);
        const said = { done: 'done', now: 'now', ahead: 'not yet', bad: '' }[kind];
        return html`<li key=${name} class=${`stage stage--${kind}`} aria-current=${kind === 'now' ? 'step' : undefined}>
          <span class="stage__name">${name}</span><span class="visually-hidden"> ${more ? '' : said}</span>${more && html`<span class="stage__more"> ${more}</span>`}</li>`;
      })}
    </ol>`;
}

const DELIVERY = { pending: 'on its way', delivered: 'delivered', gone: 'wants no more', dead_letter: 'given up' };

function Notifications({ job }) {
  if (job.notifications.length === 0) return null;
  return html`
    <h3>Webhooks</h3>
    <ul class="receivers">
      ${job.notifications.map((n, i) => html`
        <li key=${i}>
          <b>${n.receiver}</b>: ${DELIVERY[n.state] ?? n.state}, ${n.attempts} ${n.attempts === 1 ? 'try' : 'tries'}
          ${n.reason && html`<span class="hint"> ${n.reason}</span>`}
          ${n.next_attempt_at && html`<span class="hint"> Next try ${ago(n.next_attempt_at, now.value)}.</span>`}
        </li>`)}
    </ul>`;
}

function Facts({ job }) {
  const cost = costWords(job);
  const facts = [
    ['Id', html`<code>${job.id}</code> <${Copy} text=${job.id} name="id" />`],
    job.provider && ["RunComfy's id", html`<code>${job.provider.request_id}</code> <${Copy} text=${job.provider.request_id} name="RunComfy's id" />`],
    ['Accepted', html`<time datetime=${job.created_at}>${exactly(job.created_at)}</time>`],
    ['Changed', html`<time datetime=${job.updated_at}>${exactly(job.updated_at)}</time>`],
    job.upload && ['Upload', job.upload],
    ['Form', `${job.request.duration} s, ${job.request.aspect_ratio}`],
    ...(job.request.elements ?? []).map((e, i) => [`@Element${i + 1}`, [e.frontal_image_url, ...e.reference_image_urls ?? []].filter(Boolean).map(imageName).join(', ')]),
    ...(job.request.image_urls ?? []).map((url, i) => [`@Image${i + 1}`, imageName(url)]),
    job.video && ['Video', `${bytes(job.video.size_bytes)}, ${job.video.content_type}`],
    job.price && ['Price', priceWords(job.price)],
    cost && ['Cost', cost],
    job.status === 'cancelled' && ['Paid', PAID[job.paid]],
    job.metadata && ['Metadata', html`<code>${JSON.stringify(job.metadata)}</code>`],
  ].filter(Boolean);
  return html`
    <details class="facts" open>
      <summary>Details</summary>
      <dl>${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <${Copy} text=${JSON.stringify(job.request, null, 2)} name="request" label="Copy request" />
    </details>`;
}

// Browsers give the clipboard to secure pages alone.
function Copy({ text, name, label }) {
  if (!navigator.clipboard) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    notice.value = `Copied: ${name}.`;
  };
  return html`<button type="button" class="quiet" aria-label=${`Copy ${name}`} onClick=${copy}>${label ?? 'Copy'}</button>`;
}
