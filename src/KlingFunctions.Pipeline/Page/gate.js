import { Component, html } from './lib.js';
import { key, keyIsAsked, rememberKey } from './state.js';
import { refresh } from './polling.js';

/** Asks for the key, once a session. */
export class Gate extends Component {
  async submit(event) {
    event.preventDefault();
    const value = new FormData(event.target).get('key').trim();
    if (!value) return;
    rememberKey(value);
    keyIsAsked.value = false;
    await refresh();
  }

  componentDidMount() {
    this.input.focus();
  }

  render() {
    const wasRefused = key.value !== '';
    return html`
      <main class="gate">
        <form class="card gate__card" onSubmit=${e => this.submit(e)}>
          <img src="page/icon.svg" alt="" width="48" height="48" />
          <h1>KlingFunctions</h1>
          <p>This host asks for its key. It stays in this tab, and goes to no other host.</p>
          <label for="key">Key</label>
          <input id="key" name="key" type="password" autocomplete="off" spellcheck=${false} required
            aria-invalid=${wasRefused} aria-describedby="key-hint" ref=${e => { this.input = e; }} />
          ${wasRefused && html`<p class="fault" role="alert">The host did not accept this key.</p>`}
          <p id="key-hint" class="hint">On Azure a function key of the app; on one machine the setting <code>Local:ApiKey</code>.</p>
          <button class="button button--main" type="submit">Open</button>
        </form>
      </main>`;
  }
}
