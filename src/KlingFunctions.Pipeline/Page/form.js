import { Component, html } from './lib.js';
import { addressOf, addressOfJob } from './state.js';
import { post } from './api.js';
import { bodyOf, change, check, clear, draft, faultsAt } from './draft.js';
import { startChecking } from './checking.js';
import { Images } from './images.js';
import { Prompt } from './prompt.js';
import { priceWords } from './words.js';

const MOST_REFERENCES = 7;
const MOST_ELEMENT_IMAGES = 4;

/** Describes a new video, checks it, and sends it. */
export class Form extends Component {
  componentDidMount() {
    this.stop = startChecking();
    document.getElementById('prompt').focus();
  }

  componentWillUnmount() {
    this.stop();
  }

  async send(event) {
    event.preventDefault();
    const body = bodyOf(draft.peek());
    const text = JSON.stringify(body);
    // The same draft sent again, because its answer was lost, is the same job.
    if (this.sent !== text) {
      this.sent = text;
      this.idempotencyKey = newKey();
    }
    this.setState({ isSending: true, fault: null });
    try {
      const job = await post('api/videos', body, { 'Idempotency-Key': this.idempotencyKey });
      clear();
      location.hash = addressOfJob(job.id);
    } catch (refusal) {
      if (refusal.status === 400) check.value = { ...check.peek(), state: 'bad', faults: refusal.errors };
      this.setState({ isSending: false, fault: refusal.status ? refusal.message : 'The host does not answer. Send it again: it stays the same job.' });
    }
  }

  render(_, { isSending, fault }) {
    const d = draft.value;
    const references = d.elements.length + d.images.length;
    return html`
      <section class="form" aria-labelledby="form-title">
        <h1 id="form-title">New video</h1>
        <form class="card" onSubmit=${e => this.send(e)}>
          <${Prompt} />
          <fieldset>
            <legend>Images <span class="hint">places, styles, things: @Image1, @Image2 …</span></legend>
            <${Images} id="image" label="Image" urls=${d.images} most=${d.images.length + MOST_REFERENCES - references}
              pointerOf=${i => `/image_urls/${i}`} nameAt=${i => `@Image${i + 1}`} onChange=${images => change({ images })} />
          </fieldset>
          <fieldset>
            <legend>Elements <span class="hint">a character or thing from several sides: @Element1 …</span></legend>
            ${d.elements.map((element, i) => html`<${Element} key=${i} element=${element} at=${i} />`)}
            ${references < MOST_REFERENCES && html`<button type="button" class="button" onClick=${() => change({ elements: [...d.elements, { front: [], others: [] }] })}>Add an element</button>`}
          </fieldset>
          <div class="choices">
            <${Choice} name="duration" legend="Length" value=${d.duration} options=${[['5', '5 s'], ['10', '10 s']]} onChange=${duration => change({ duration })} />
            <${Choice} name="ratio" legend="Shape" value=${d.ratio} options=${[['16:9', '16:9'], ['9:16', '9:16'], ['1:1', '1:1']]} onChange=${ratio => change({ ratio })} />
          </div>
          <details class="more" open=${d.webhook !== ''}>
            <summary>Webhook</summary>
            <label for="webhook">URL that is called when the video is ready</label>
            <input id="webhook" type="url" value=${d.webhook} placeholder="https://…" autocomplete="off" onInput=${e => change({ webhook: e.target.value })} />
            ${faultsAt(check.value, '/webhook_url').map(f => html`<p key=${f.code} class="fault">${f.message}</p>`)}
          </details>
          <${Verdict} />
          ${fault && html`<p class="fault" role="alert">${fault}</p>`}
          <div class="send">
            <${Price} />
            <a class="button" href=${addressOf('/')}>Back</a>
            <button class="button button--main" type="submit" disabled=${isSending || !d.prompt.trim()}>${isSending ? 'Sending …' : 'Make the video'}</button>
          </div>
        </form>
      </section>`;
  }
}

function Element({ element, at }) {
  const elements = draft.value.elements;
  const put = changed => change({ elements: elements.map((e, i) => (i === at ? { ...e, ...changed } : e)) });
  const name = `@Element${at + 1}`;
  const faults = faultsAt(check.value, `/elements/${at}`).filter(f => !/_url(s\/\d+)?$/.test(f.pointer));
  return html`
    <div class="element" role="group" aria-label=${name}>
      <div class="element__top"><b>${name}</b>
        <button type="button" class="quiet" aria-label=${`Remove ${name}`} onClick=${() => change({ elements: elements.filter((_, i) => i !== at) })}>Remove</button></div>
      <${Images} id=${`front-${at}`} label="From the front" urls=${element.front} most=${1}
        pointerOf=${() => `/elements/${at}/frontal_image_url`} nameAt=${() => 'Front'} onChange=${front => put({ front })} />
      <${Images} id=${`others-${at}`} label="From other sides, one at least" urls=${element.others} most=${MOST_ELEMENT_IMAGES}
        pointerOf=${i => `/elements/${at}/reference_image_urls/${i}`} nameAt=${i => `Side ${i + 1}`} onChange=${others => put({ others })} />
      ${faults.map(f => html`<p key=${f.code + f.pointer} class="fault">${f.message}</p>`)}
    </div>`;
}

function Choice({ name, legend, value, options, onChange }) {
  return html`
    <fieldset class="choice">
      <legend>${legend}</legend>
      <div class="choice__row">
        ${options.map(([option, label]) => html`
          <label key=${option}><input type="radio" name=${name} value=${option} checked=${value === option} onChange=${() => onChange(option)} /><span>${label}</span></label>`)}
      </div>
    </fieldset>`;
}

// Faults that stand beside their field are not said twice.
const BESIDE = /^\/(prompt|image_urls\/\d+|elements\/\d+|webhook_url)/;

function Verdict() {
  const { state, faults, warnings } = check.value;
  const said = { none: '', checking: 'Checking …', good: 'All checks passed.', bad: `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} to fix.`, unknown: 'The checks can\'t be made just now.' }[state];
  return html`
    <div class=${`verdict verdict--${state}`} role="status" aria-live="polite">
      ${said && html`<p>${said}</p>`}
      ${faults.filter(f => !BESIDE.test(f.pointer)).map(f => html`<p key=${f.code + f.pointer} class="fault">${f.message}</p>`)}
      ${warnings.map(w => html`<p key=${w.code + w.pointer} class="warning">${w.message}</p>`)}
    </div>`;
}

function Price() {
  const { price } = check.value;
  if (price === undefined) return html`<span class="price"></span>`;
  return html`<span class="price">Price: <b>${priceWords(price)}</b></span>`;
}

// randomUUID is for secure pages alone.
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, '0')).join('');
