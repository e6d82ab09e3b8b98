import { Component, html } from './lib.js';
import { check, faultsAt } from './draft.js';
import { handIn, imageName, uploading } from './assets.js';

/** A numbered list of images, and a way to add one. */
export class Images extends Component {
  add(urls) {
    const added = urls.map(u => u.trim()).filter(Boolean);
    if (added.length) this.props.onChange([...this.props.urls, ...added].slice(0, this.props.most));
  }

  addTyped() {
    // The list may be full now, and the field gone.
    const { value } = this.input ?? { value: '' };
    if (this.input) this.input.value = '';
    this.add([value]);
  }

  async take(files) {
    this.setState({ fault: null, isOver: false });
    if (files.length === 0) return;
    try {
      this.add(await handIn(files));
    } catch (refusal) {
      this.setState({ fault: `${refusal.file ?? 'The image'}: ${refusal.message}` });
    }
  }

  // A picture dragged from another page comes as its address.
  drop(event) {
    event.preventDefault();
    const { files } = event.dataTransfer;
    if (files.length > 0) this.take(files);
    else this.add([event.dataTransfer.getData('text/uri-list').split('\n')[0] ?? '']);
    this.setState({ isOver: false });
  }

  onKey(event) {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    this.addTyped();
  }

  render({ id, label, urls, most, pointerOf, nameAt, onChange }, { fault, isOver }) {
    const isFull = urls.length >= most;
    return html`
      <div class=${`images${isOver ? ' images--over' : ''}`} onDrop=${e => this.drop(e)}
        onDragOver=${e => { e.preventDefault(); if (!isOver) this.setState({ isOver: true }); }} onDragLeave=${() => this.setState({ isOver: false })}>
        ${urls.length > 0 && html`
          <ul class="images__list">
            ${urls.map((url, i) => {
              const faults = faultsAt(check.value, pointerOf(i));
              return html`
                <li key=${i + url} class="image">
                  <span class="image__name">${nameAt(i)}</span>
                  <span class="image__file" title=${url}>${imageName(url)}</span>
                  <button type="button" class="quiet" aria-label=${`Remove ${nameAt(i)}, ${imageName(url)}`} onClick=${() => onChange(urls.filter((_, j) => j !== i))}>Remove</button>
                  ${faults.map(f => html`<span key=${f.code} class="fault">${f.message}</span>`)}
                </li>`;
            })}
          </ul>`}
        ${!isFull && html`
          <div class="adder">
            <label for=${id}>${label}</label>
            <div class="inline__row">
              <input id=${id} type="url" inputmode="url" placeholder="Drop a picture here, or type https://…" autocomplete="off" ref=${e => { this.input = e; }}
                onKeyDown=${e => this.onKey(e)} onChange=${() => this.addTyped()} />
              <label class="button file">Choose
                <input type="file" accept="image/jpeg,image/png,image/webp" multiple=${most - urls.length > 1} aria-label=${`${label}: choose a file`}
                  onChange=${e => { this.take([...e.target.files]); e.target.value = ''; }} /></label>
            </div>
            ${uploading.value > 0 && html`<p class="hint" role="status">Uploading the picture …</p>`}
            ${fault && html`<p class="fault" role="alert">${fault}</p>`}
          </div>`}
      </div>`;
  }
}
