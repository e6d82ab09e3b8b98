import { effect, html, render } from './lib.js';
import { App } from './app.js';
import { startPolling } from './polling.js';

// The whole page is drawn anew in one effect: each signal that was read while drawing redraws it, and Preact changes what differs.
const root = document.getElementById('page');
effect(() => render(html`<${App} />`, root));
startPolling();
