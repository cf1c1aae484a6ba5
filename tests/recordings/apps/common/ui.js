// Helpers that every app uses. Nothing here reads a clock or a random source, so a recording repeats to the byte.
const esc = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

// Seven characters that look like a CSS-in-JS class hash.
const hash = (text) => {
  let h = 2166136261;
  for (const c of text) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
  return (h >>> 0).toString(36).padStart(7, "0").slice(-7);
};

const PATHS = {
  cart: "M3 4h2.2l2.3 11.2h10.1L20 7.5H6.3M9 20.2a.8.8 0 1 0 0-1.6.8.8 0 0 0 0 1.6Zm7.5 0a.8.8 0 1 0 0-1.6.8.8 0 0 0 0 1.6Z",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm4.8-1.7L20.5 20.5",
  heart: "M12 20S4.2 15.4 4.2 9.6A4.1 4.1 0 0 1 12 7.7a4.1 4.1 0 0 1 7.8 1.9C19.8 15.4 12 20 12 20Z",
  star: "m12 3.6 2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8L3.6 9.7l5.8-.8Z",
  chevron: "m6.5 9.5 5.5 5.5 5.5-5.5",
  close: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  check: "m5 12.5 4.5 4.5L19 7.5",
  user: "M12 12.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7.5 8c.9-3.6 4-5.5 7.5-5.5s6.6 1.9 7.5 5.5",
  bug: "M8 9h8v6a4 4 0 0 1-8 0V9Zm0 3H4m16 0h-4M9 9a3 3 0 0 1 6 0M5 7l3 2m11-2-3 2M5 18l3-2m11 2-3-2",
  bed: "M3 18v-8m0 5h18v3m0-3v-2a3 3 0 0 0-3-3h-8v5M6.5 12.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Z",
  doc: "M7 3.5h7l4 4v13H7v-17Zm7 0v4h4M9.5 12h6m-6 3.5h6",
  trash: "M5 7h14M10 7V4.5h4V7m-7.5 0 .8 13h9.4l.8-13",
};
const icon = (name, extra = "") =>
  `<svg class="icon ${extra}" xmlns="http://www.w3.org/2000/svg" width="20" height="20" viewBox="0 0 24 24" fill="none" ` +
  `stroke="currentColor" stroke-width="1.5" stroke-linecap="round" aria-hidden="true" focusable="false">` +
  `<path d="${PATHS[name]}"></path></svg>`;

const load = (key, fallback) => JSON.parse(sessionStorage.getItem(key) ?? JSON.stringify(fallback));
const save = (key, value) => sessionStorage.setItem(key, JSON.stringify(value));
const money = (cents) => "€" + (cents / 100).toFixed(2);
const $ = (selector) => document.querySelector(selector);
const $$ = (selector) => [...document.querySelectorAll(selector)];
