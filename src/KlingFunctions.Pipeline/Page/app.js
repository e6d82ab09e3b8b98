import { html } from './lib.js';
import { key, keyIsAsked, notice, rememberKey, route, trouble, addressOf, jobs, counts } from './state.js';
import { Drawer } from './drawer.js';
import { Form } from './form.js';
import { Gate } from './gate.js';
import { List } from './list.js';

export function App() {
  if (keyIsAsked.value) return html`<${Gate} />`;
  const { view, id } = route.value;
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <a class="brand" href="#/"><img src="page/icon.svg" alt="" width="28" height="28" /> KlingFunctions</a>
      <div class="top__side">
        ${key.value && html`<button type="button" class="quiet" onClick=${forgetKey}>Forget key</button>`}
        ${view !== 'new' && html`<a class="button button--main" href=${addressOf('/new')}>New video</a>`}
      </div>
    </header>
    <div class="notices" role="status" aria-live="polite">
      ${trouble.value && html`<p class="notice notice--bad">${trouble.value}</p>`}
      ${notice.value && html`<p class="notice">${notice.value} <button type="button" class="quiet" onClick=${() => { notice.value = null; }}>Close</button></p>`}
    </div>
    <main id="main" tabindex="-1" class=${view === 'video' ? 'main main--split' : 'main'}>
      ${view !== 'new' && html`<h1 id="title" class="visually-hidden">Videos</h1>`}
      ${view === 'new' ? html`<${Form} />` : html`<${List} />`}
      ${view === 'video' && html`<${Drawer} key=${id} id=${id} />`}
    </main>`;
}

// The address belongs to the views, so the jump is made by hand.
function skip(event) {
  event.preventDefault();
  document.getElementById('main').focus();
}

function forgetKey() {
  rememberKey('');
  jobs.value = counts.value = null;
  keyIsAsked.value = true;
}
