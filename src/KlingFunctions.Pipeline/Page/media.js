// Where the browser can play a stored file from.
import { Component, html } from './lib.js';
import { key } from './state.js';
import { headers, refusalOf } from './api.js';

const sources = new Map();
let bytesNeedTheKey = false;

/**
 * The address of a file for an element that sends no key: this host's own where it asks for none, the store's link, or else the bytes, fetched with
 * the key. Null if only the bytes are left, and they are not wanted.
 */
export async function sourceOf(file, wantsBytes) {
  const path = new URL(file.url).pathname + new URL(file.url).search;
  if (!key.peek()) return path;
  const known = sources.get(file.sha256);
  // A store's link lasts an hour.
  if (known && (known.isBytes || Date.now() - known.at < 1_800_000)) return known.url;
  if (bytesNeedTheKey && !wantsBytes) return null;
  const abort = new AbortController();
  const response = await fetch(path, { headers: { ...headers(), Accept: 'application/json' }, signal: abort.signal });
  if (!response.ok) throw await refusalOf(response);
  if (response.headers.get('Content-Type')?.startsWith('application/json')) {
    const { url } = await response.json();
    sources.set(file.sha256, { url, at: Date.now(), isBytes: false });
    return url;
  }
  bytesNeedTheKey = true;
  if (!wantsBytes) {
    abort.abort();
    return null;
  }
  const url = URL.createObjectURL(await response.blob());
  sources.set(file.sha256, { url, at: Date.now(), isBytes: true });
  return url;
}

/** Something that shows a stored file as soon as its source is known. */
class Media extends Component {
  componentDidMount() {
    this.load();
  }

  componentDidUpdate(before) {
    if (before.file?.sha256 !== this.props.file?.sha256) this.load();
  }

  async load() {
    const { file } = this.props;
    if (!file) return;
    try {
      this.setState({ source: await sourceOf(file, this.wantsBytes) });
    } catch {
      this.setState({ hasFailed: true });
    }
  }
}

export class Thumbnail extends Media {
  wantsBytes = false;

  componentDidMount() {
    this.play = () => this.element?.play?.().catch(() => {});
    this.stop = () => this.element?.pause?.();
    super.componentDidMount();
  }

  render({ job, file }, { source }) {
    const isVideo = file?.content_type.startsWith('video/');
    return html`
      <div class="thumb" aria-hidden="true" onMouseEnter=${this.play} onMouseLeave=${this.stop}>
        ${source && isVideo
          ? html`<video src=${source} muted loop playsinline preload="metadata" tabindex="-1" ref=${e => { this.element = e; }}></video>`
          : html`<span class=${`thumb__sign thumb__sign--${job.status}`}></span>`}
      </div>`;
  }
}

export class Player extends Media {
  wantsBytes = true;

  render({ file }, { source, hasFailed }) {
    if (hasFailed) return html`<p class="fault">The file can't be fetched now.</p>`;
    if (!source) return html`<p class="hint player player--empty">Loading the video …</p>`;
    const isVideo = file.content_type.startsWith('video/');
    return html`
      <figure class="player">
        ${isVideo ? html`<video src=${source} controls loop playsinline preload="auto"></video>` : html`<img src=${source} alt="A picture of the result" />`}
        <figcaption><a class="button" href=${source} download=${`${file.download}`}>Download</a></figcaption>
      </figure>`;
  }
}
