// What rrweb's own player shows of a recording after some of its events, as trees of plain values.
//
// An element is {tag, attributes, children, value, checked, selected, shadow, content}, a text a string.
// What the player adds for itself is left out: its style elements, classes, and names for handlers.
"use strict";

const OWN_CLASSES = new Set(["rrweb-paused", ":hover"]);

function attributesOf(node, meta) {
  const given = (meta && meta.attributes) || {};
  const found = {};
  for (const { name, value } of node.attributes) {
    let key = name.toLowerCase();
    if (key.startsWith("rr_") || key.startsWith("rrweb-original-")) continue;
    if (key.startsWith("_on")) key = key.slice(1);
    if (key === "csp-content") key = "content";
    if (key === "class") {
      const words = value.split(/\s+/).filter((word) => !OWN_CLASSES.has(word));
      if (words.join(" ") !== value.split(/\s+/).join(" ")) {
        if (words.length) found[key] = words.join(" ");
        continue;
      }
    }
    found[key] = value;
  }
  const original = node.getAttribute("rrweb-original-src");
  if (original !== null) found.src = original;
  if (given.rr_width || given.rr_height) delete found.style;
  return found;
}

function treeOf(node, mirror) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const id = mirror.getId(node);
  if (id < 0 && node.localName === "style") return null;
  const meta = id < 0 ? null : mirror.getMeta(node);
  const tag = ((meta && meta.tagName) || node.localName).toLowerCase();
  const tree = { tag, id, attributes: attributesOf(node, meta), children: below(node, mirror) };
  if (node.style) tree.style = node.style.cssText;
  if (tag === "input" || tag === "textarea" || tag === "select") {
    tree.value = node.value;
    tree.checked = Boolean(node.checked);
  }
  if (tag === "option") tree.selected = node.selected;
  if (node.shadowRoot) tree.shadow = below(node.shadowRoot, mirror);
  if (tag === "iframe" && node.contentDocument && mirror.getId(node.contentDocument) > 0)
    tree.content = below(node.contentDocument, mirror);
  return tree;
}

function below(node, mirror) {
  const found = [];
  for (const child of node.childNodes) {
    const tree = treeOf(child, mirror);
    if (tree === null || tree === "") continue;
    if (typeof tree === "string" && typeof found.at(-1) === "string") found.push(found.pop() + tree);
    else found.push(tree);
  }
  return found;
}

// The document after the first `count` events, whose times are 100 ms apart from 1 s on.
async function shown(events, count, virtual) {
  const root = document.body;
  const player = new rrweb.Replayer(structuredClone(events), {
    root, mouseTail: false, showWarning: false, loadTimeout: 1, useVirtualDom: virtual,
  });
  await new Promise((done) => setTimeout(done, 5));
  player.pause((count - 1) * 100 + 50);
  await new Promise((done) => setTimeout(done, 5));
  const doc = player.iframe.contentDocument;
  const type = doc.doctype;
  const result = {
    doctype: type && [type.name, type.publicId, type.systemId],
    children: below(doc, player.getMirror()),
  };
  player.destroy();
  return result;
}

// Style attributes as this browser writes them.
function styles(texts) {
  return texts.map((text) => {
    const element = document.createElement("div");
    element.setAttribute("style", text);
    return element.style.cssText;
  });
}
