// The page as text, as browsers serialise it (https://html.spec.whatwg.org/#serialising-html-fragments), with what a
// serialisation lacks: frames of the same site inside their element, open shadow roots as templates, and the state of
// forms in attributes. It is made of a copy in a document that no window shows: there nothing loads, no script and no
// custom element runs, and the page itself is never changed. The rules are those of etl/inputs/markup.py.

const HTML = "http://www.w3.org/1999/xhtml";
const RAW = new Set("script style xmp noembed noframes plaintext".split(" "));
const DROPS_LINE_BREAK = new Set(["pre", "textarea", "listing"]);
const SECRET = /^(current-password|new-password|one-time-code|cc-.+)$/i;
const MIRRORED = 6; // characters: a shorter password may be a part of any text

const isHtml = (node) => node?.namespaceURI === HTML;
const isElement = (node) => node?.nodeType === 1;

// The window of the outermost document that this one can read, and what all its frames share.
function outermost() {
  let seen = window;
  try {
    while (seen !== seen.parent && seen.parent.document) seen = seen.parent;
  } catch {
    // the frame around it is of another site
  }
  return seen;
}
const root = outermost();
const shared = (root.stepmillShared ??= { secrets: new WeakSet(), names: new Set() });

// Whether what a field holds is never recorded. A password stays one when the page shows it.
function isSecret(element) {
  if (!isElement(element) || !["input", "textarea"].includes(element.localName)) return false;
  const tokens = (element.getAttribute("autocomplete") ?? "").trim().split(/\s+/);
  const hidden = element.type === "password" || tokens.some((token) => SECRET.test(token));
  const masked = () => (element.ownerDocument.defaultView?.getComputedStyle(element).webkitTextSecurity ?? "none") !== "none";
  if (!hidden && !shared.secrets.has(element) && !(["text", "tel", "textarea"].includes(element.type) && masked())) return false;
  shared.secrets.add(element);
  for (const name of [element.name, element.id]) if (name) shared.names.add(name);
  return true;
}

// Stands for a shadow root in the copy, where selectors see into it, as they do not into a template.
const SHADOW = `shadow-${Math.random().toString(36).slice(2)}`;

class Taken {
  constructor() {
    this.inert = document.implementation.createHTMLDocument("");
    this.copies = new Map(); // element of the page -> its copy
    this.shadows = new Set(); // copies that stand for shadow roots
    this.unscripted = []; // what is in noscript, which is text in the page
    this.closed = 0; // frames of other sites
    this.passwords = [];
    this.url = root.location.href;
    const page = root.document;
    this.root = this.copy(page.documentElement);
    this.secrets = [...shared.names];
    this.inert.replaceChild(this.root, this.inert.documentElement);
    this.root.normalize();
    if (this.passwords.length) this.unmirror(this.root);
    const written = this.root.outerHTML
      .replaceAll(`<${SHADOW} `, "<template ")
      .replaceAll(`</${SHADOW}>`, "</template>")
      .replace(new RegExp(`${SHADOW}:(\\d+);`, "g"), (_, number) => this.unscripted[number]);
    this.html = ((page.doctype ? `<!DOCTYPE ${page.doctype.name}>` : "") + written).toWellFormed();
  }

  // A copy of an element and of all in it. It is made at once, and then mended.
  copy(live) {
    const copy = this.inert.importNode(live, true);
    const [lives, copies] = [live.querySelectorAll("*"), copy.querySelectorAll("*")];
    this.mend(live, copy);
    for (let at = 0; at < lives.length; at++) this.mend(lives[at], copies[at]);
    return copy;
  }

  mend(live, copy) {
    this.copies.set(live, copy);
    if (live.shadowRoot) {
      const shadow = this.inert.createElement(SHADOW);
      shadow.setAttribute("shadowrootmode", "open");
      this.shadows.add(shadow);
      for (const node of live.shadowRoot.childNodes) {
        shadow.append(isElement(node) ? this.copy(node) : this.inert.importNode(node, true));
      }
      copy.prepend(shadow);
    }
    if (!isHtml(live)) return;
    const name = live.localName;
    if (name === "input") this.field(live, copy);
    else if (name === "option") copy.toggleAttribute("selected", live.selected);
    else if (name === "textarea") copy.textContent = isSecret(live) ? "" : live.value;
    else if (name === "iframe" || name === "frame") {
      const inner = this.document(live)?.documentElement;
      copy.replaceChildren(...(inner ? [this.copy(inner)] : []));
    } else if (name === "noscript" && copy.firstChild) {
      copy.textContent = `${SHADOW}:${this.unscripted.push(live.textContent) - 1};`;
    } else if (RAW.has(name) && copy.textContent.includes("</")) {
      copy.textContent = copy.textContent.replace(new RegExp(`</(?=${name})`, "gi"), "<\\/");
    }
    if (DROPS_LINE_BREAK.has(name) && copy.firstChild?.data?.startsWith("\n")) copy.prepend("\n");
  }

  document(frame) {
    let inner = null;
    try {
      inner = frame.contentDocument;
    } catch {
      // of another site
    }
    if (!inner && frame.src) this.closed++;
    return inner;
  }

  field(live, copy) {
    if (isSecret(live)) {
      if (live.type === "password" || shared.secrets.has(live)) this.passwords.push(live.value);
      copy.removeAttribute("value");
    } else if (["checkbox", "radio"].includes(live.type)) copy.toggleAttribute("checked", live.checked);
    else if (live.type === "file") copy.removeAttribute("value");
    else if (live.value || copy.hasAttribute("value")) copy.setAttribute("value", live.value);
  }

  // A page that shows a password elsewhere shows it without it.
  unmirror(copy) {
    const passwords = this.passwords.filter((password) => password.length >= MIRRORED);
    const without = (text) => passwords.reduce((rest, password) => rest.replaceAll(password, ""), text);
    if (!passwords.length) return;
    for (const element of [copy, ...copy.querySelectorAll("*")]) {
      for (const attribute of element.attributes) {
        const value = without(attribute.value);
        if (value !== attribute.value) attribute.value = value;
      }
      for (const node of element.childNodes) if (node.nodeType === 3 || node.nodeType === 8) node.data = without(node.data);
    }
    this.unscripted = this.unscripted.map(without);
  }

  // The copy of an element, or of the nearest one around it that has one.
  nearest(live) {
    for (let element = live; element; element = element.parentNode ?? element.host) {
      if (this.copies.has(element)) return element;
    }
    return null;
  }
}
