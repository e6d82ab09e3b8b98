// Images of the reader's machine: handed in to the host, and known again by their names.
import { batch, signal } from './lib.js';
import { headers, refusalOf } from './api.js';
import { nameOf } from './words.js';

const NAMES = 'kling-names';
const TYPES = ['image/jpeg', 'image/png', 'image/webp'];

const names = signal(JSON.parse(sessionStorage.getItem(NAMES) ?? '{}'));
export const uploading = signal(0);

/** The name of an image as its reader knows it. */
export const imageName = url => names.value[url] ?? (url.startsWith('asset:') ? `image ${url.slice(6, 14)}` : nameOf(url));

/** Hands images in; the addresses that requests name them by. */
export async function handIn(files) {
  uploading.value++;
  try {
    return await Promise.all([...files].map(async file => {
      const type = TYPES.includes(file.type) ? file.type : 'application/octet-stream';
      const response = await fetch('api/assets', { method: 'POST', headers: { ...headers(), 'Content-Type': type }, body: file });
      if (!response.ok) throw Object.assign(await refusalOf(response), { file: file.name });
      const { url } = await response.json();
      batch(() => { names.value = { ...names.peek(), [url]: file.name }; });
      sessionStorage.setItem(NAMES, JSON.stringify(names.value));
      return url;
    }));
  } finally {
    uploading.value--;
  }
}
