// Runs in the page. Returns its DOM as recorders write it: the text of the live tree with every same-origin frame
// inlined and the state of forms in attributes; and, for the element marked by `mark`, ways to find it in that text.
const [given, mark] = arguments;

function copyOf(doc) {
  const wanted = "input, textarea, select, iframe";
  const live = [...doc.documentElement.querySelectorAll(wanted)];
  const root = doc.documentElement.cloneNode(true);
  [...root.querySelectorAll(wanted)].forEach((copy, n) => {
    const from = live[n];
    if (from.localName === "iframe") {
      copy.removeAttribute("cd_frame_id_"); // chromedriver's own, and random
      copy.replaceChildren(copyOf(from.contentDocument));
    } else if (from.localName === "textarea") copy.textContent = from.value;
    else if (from.localName === "select") [...copy.options].forEach((o, k) => o.toggleAttribute("selected", from.options[k].selected));
    else if (["checkbox", "radio"].includes(from.type)) copy.toggleAttribute("checked", from.checked);
    else if (from.value || copy.hasAttribute("value")) copy.setAttribute("value", from.value);
  });
  return root;
}

const root = copyOf(document);
const count = (selector) => root.querySelectorAll(selector).length;
const twins = (element) => [...element.parentElement.children].filter((e) => e.localName === element.localName);

// The path that recorders derive themselves: tags and positions up to the nearest id.
function pathOf(element) {
  const parts = [];
  for (let e = element; e !== root; e = e.parentElement) {
    if (e.id && count(`#${CSS.escape(e.id)}`) === 1) return [`#${CSS.escape(e.id)}`, ...parts].join(" > ");
    parts.unshift(twins(e).length > 1 ? `${e.localName}:nth-of-type(${twins(e).indexOf(e) + 1})` : e.localName);
  }
  const path = parts.join(" > ");
  return count(path) === 1 ? path : `:root > ${path}`;
}

function xpathOf(element) {
  const parts = [];
  for (let e = element; e !== root; e = e.parentElement) {
    parts.unshift(twins(e).length > 1 ? `${e.localName}[${twins(e).indexOf(e) + 1}]` : e.localName);
  }
  return "/html/" + parts.join("/");
}

const NAMES = ["data-testid", "data-qa", "data-date", "data-step", "id", "name", "aria-label", "href"];
const attributeOf = (element) =>
  NAMES.map((name) => [name, element.getAttribute(name)]).find(([n, v]) => v && count(`[${n}="${CSS.escape(v)}"]`) === 1) ?? null;

const target = mark ? root.querySelector(`[${mark}]`) : null;
target?.removeAttribute(mark);
return {
  url: location.href,
  html: root.outerHTML,
  css: target && (count(given) === 1 ? given : pathOf(target)),
  path: target && pathOf(target),
  xpath: target && xpathOf(target),
  attribute: target && attributeOf(target),
};
