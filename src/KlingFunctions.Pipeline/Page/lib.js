// Preact draws, htm writes its elements, signals say what has changed. None of the three is altered: see vendor/vendor.json.
import { createElement, render } from './vendor/preact.mjs';
import htm from './vendor/htm.mjs';

export { batch, computed, effect, signal, untracked } from './vendor/signals-core.mjs';
export { Component } from './vendor/preact.mjs';
export { render };

export const html = htm.bind(createElement);
