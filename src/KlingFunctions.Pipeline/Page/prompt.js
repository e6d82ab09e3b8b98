import { Component, html } from './lib.js';
import { change, check, draft, faultsAt, namesOf } from './draft.js';

const MOST = 2_500;

/** The prompt. An @ offers the names of the images and elements that there are. */
export class Prompt extends Component {
  state = { offered: [], chosen: 0 };

  write(text, caret) {
    change({ prompt: text });
    const typed = /@(\w*)$/.exec(text.slice(0, caret));
    const offered = typed ? namesOf(draft.peek()).filter(n => n.toLowerCase().startsWith(`@${typed[1].toLowerCase()}`) && n !== typed[0]) : [];
    this.setState({ offered, chosen: 0 });
  }

  take(name) {
    const { selectionStart: caret, value } = this.area;
    const before = value.slice(0, caret).replace(/@\w*$/, '');
    const start = before && !/\s$/.test(before) ? `${before} ` : before;
    const rest = value.slice(caret);
    const text = `${start}${name}${/^\s/.test(rest) ? '' : ' '}${rest}`;
    change({ prompt: text });
    this.setState({ offered: [] });
    this.area.value = text;
    this.area.focus();
    this.area.selectionStart = this.area.selectionEnd = start.length + name.length + 1;
  }

  onKey(event) {
    const { offered, chosen } = this.state;
    if (offered.length === 0) return;
    if (event.key === 'ArrowDown') this.setState({ chosen: (chosen + 1) % offered.length });
    else if (event.key === 'ArrowUp') this.setState({ chosen: (chosen + offered.length - 1) % offered.length });
    else if (event.key === 'Enter' || event.key === 'Tab') this.take(offered[chosen]);
    else if (event.key === 'Escape') this.setState({ offered: [] });
    else return;
    event.preventDefault();
  }

  render(_, { offered, chosen }) {
    const { prompt } = draft.value;
    const faults = faultsAt(check.value, '/prompt');
    const names = namesOf(draft.value);
    return html`
      <div class="field">
        <label for="prompt">What happens</label>
        <div class="prompt-box">
          <textarea id="prompt" rows="4" maxlength=${MOST} value=${prompt} ref=${e => { this.area = e; }}
            placeholder="@Element1 walks through @Image1 at dawn, soft light"
            aria-invalid=${faults.length > 0} aria-describedby="prompt-hint" aria-autocomplete="list"
            aria-controls=${offered.length ? 'names' : undefined} aria-activedescendant=${offered.length ? `name-${chosen}` : undefined}
            onInput=${e => this.write(e.target.value, e.target.selectionStart)} onKeyDown=${e => this.onKey(e)}
            onBlur=${() => this.setState({ offered: [] })}></textarea>
          ${offered.length > 0 && html`
            <ul id="names" class="names" role="listbox" aria-label="Images and elements">
              ${offered.map((name, i) => html`
                <li key=${name} id=${`name-${i}`} role="option" aria-selected=${i === chosen} onMouseDown=${e => { e.preventDefault(); this.take(name); }}>${name}</li>`)}
            </ul>`}
        </div>
        <p id="prompt-hint" class="hint">${names.length
          ? html`Put in: ${names.map(n => html`<button key=${n} type="button" class="chip" onClick=${() => this.take(n)}>${n}</button> `)}`
          : 'Pictures that you add below get names to use here, such as @Image1.'}</p>
        ${faults.map(f => html`<p key=${f.code + f.pointer} class="fault">${f.message}</p>`)}
      </div>`;
  }
}
