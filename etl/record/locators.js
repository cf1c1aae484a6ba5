// Ways to find an element in a snapshot, each checked on the snapshot itself: it finds this element and no other.
// CSS and XPath see the copy as our reader sees the text: a frame's document is inside its element, a shadow root is
// a template.

const IDS = ["data-testid", "data-test-id", "data-test", "data-qa", "data-cy"];
const ATTRIBUTES = [...IDS, "id", "name", "aria-label", "href", "placeholder", "title", "alt"];
const LONG = 200; // characters: a longer value is no name
const NAMED_BY_CONTENT = new Set(
  "button checkbox heading link menuitem menuitemcheckbox menuitemradio option radio switch tab treeitem".split(" "),
);
const BUTTONS = ["button", "submit", "reset", "image"];
// What may have a role without saying so; for other roles any element.
const TAGS = {
  button: "button, input",
  checkbox: "input",
  combobox: "input, select",
  heading: "h1, h2, h3, h4, h5, h6",
  img: "img",
  link: "a, area",
  listbox: "select",
  option: "option",
  radio: "input",
  searchbox: "input",
  slider: "input",
  spinbutton: "input",
  textbox: "input, textarea",
};
const FIELDS = { checkbox: "checkbox", radio: "radio", range: "slider", number: "spinbutton", search: "searchbox" };

const one = (scope, selector) => scope.querySelectorAll(selector).length === 1;
const quoted = (text) => `"${text.replace(/["\\]/g, "\\$&")}"`;
const normal = (text) => text.replace(/[\u200b\u00ad]/g, "").replace(/\s+/g, " ").trim();
const twins = (element, { shadows }) =>
  [...element.parentElement.children].filter((each) => each.localName === element.localName && !shadows.has(each));

function cssOf(copy, taken) {
  for (const name of ["id", ...IDS]) {
    const selector = selectorBy(copy, name);
    if (selector && one(taken.inert, selector)) return selector;
  }
  return pathOf(copy, taken);
}

function selectorBy(copy, name) {
  const value = copy.getAttribute(name);
  if (!value || value.length > LONG || /[\n\r\f]/.test(value)) return "";
  return name === "id" ? `#${CSS.escape(value)}` : `[${name}=${quoted(value)}]`;
}

// Tags and positions up to the nearest id. Our reader sees into a shadow root from any element around it, but not the
// root itself; what is still not alone there is counted.
function pathOf(copy, taken) {
  const scope = taken.inert;
  let path = "";
  let joint = "";
  for (let each = copy; each.parentElement; each = each.parentElement) {
    if (taken.shadows.has(each)) {
      joint = " ";
      continue;
    }
    const id = selectorBy(each, "id");
    if (id && each !== copy && one(scope, id)) {
      path = id + joint + path;
      joint = "end";
      break;
    }
    const same = twins(each, taken);
    const name = CSS.escape(each.localName);
    path = (same.length > 1 ? `${name}:nth-of-type(${same.indexOf(each) + 1})` : name) + joint + path;
    joint = " > ";
  }
  if (!path) return ":root";
  if (joint !== "end" && !one(scope, path) && one(scope, `:root > ${path}`)) path = `:root > ${path}`;
  const found = [...scope.querySelectorAll(path)];
  return found.length === 1 ? path : `${path} >> nth=${found.indexOf(copy)}`;
}

// None for what is in a shadow root: XPath does not see it.
function xpathOf(copy, taken) {
  const parts = [];
  for (let each = copy; each; each = each.parentElement) {
    if (taken.shadows.has(each)) return null;
    const around = each.parentElement;
    if (isHtml(each) && /^[a-z][\w-]*$/.test(each.localName)) {
      const same = around ? twins(each, taken) : [each];
      parts.unshift(same.length > 1 ? `${each.localName}[${same.indexOf(each) + 1}]` : each.localName);
    } else parts.unshift(around ? `*[${[...around.children].filter((other) => !taken.shadows.has(other)).indexOf(each) + 1}]` : "*");
  }
  return { kind: "xpath", value: "/" + parts.join("/") };
}

function attributeOf(copy, scope, css) {
  for (const name of ATTRIBUTES) {
    const value = copy.getAttribute(name);
    if (!value || value.length > LONG || selectorBy(copy, name) === css) continue;
    if ([...scope.querySelectorAll(`[${name}]`)].filter((each) => each.getAttribute(name) === value).length === 1) {
      return { kind: "attribute", name, value };
    }
  }
  return null;
}

function roleOf(copy) {
  const given = (copy.getAttribute("role") ?? "").trim().split(/\s+/)[0];
  if (given) return given;
  const name = isHtml(copy) ? copy.localName : "";
  if ((name === "a" || name === "area") && copy.hasAttribute("href")) return "link";
  if (/^h[1-6]$/.test(name)) return "heading";
  if (name === "button" || name === "option") return name;
  if (name === "textarea") return "textbox";
  if (name === "img") return copy.getAttribute("alt") ? "img" : "";
  if (name === "select") return copy.multiple || copy.size > 1 ? "listbox" : "combobox";
  if (name !== "input") return "";
  if (BUTTONS.includes(copy.type)) return "button";
  if (copy.type in FIELDS) return copy.type === "search" && copy.hasAttribute("list") ? "combobox" : FIELDS[copy.type];
  if (!["text", "email", "tel", "url"].includes(copy.type)) return "";
  return copy.hasAttribute("list") ? "combobox" : "textbox";
}

// The pieces of an element's text that count for its name.
function pieces(copy) {
  if (copy.getAttribute("aria-hidden") === "true" || copy.hasAttribute("hidden")) return [];
  if (["script", "style", "noscript", "template"].includes(copy.localName)) return [];
  return [...copy.childNodes].flatMap((node) => {
    if (node.nodeType === 3) return normal(node.data) ? [normal(node.data)] : [];
    if (!isElement(node)) return [];
    const label = normal(node.getAttribute("aria-label") ?? (node.localName === "img" ? node.getAttribute("alt") ?? "" : ""));
    return label ? [label] : pieces(node);
  });
}

// What an element may be called, by the rules for accessible names: no more than one name means that it is certain.
function namesOf(copy, role, scope) {
  if (copy.hasAttribute("aria-labelledby")) return [null]; // of several elements, perhaps
  const label = normal(copy.getAttribute("aria-label") ?? "");
  if (label) return [label];
  const either = (parts) => (parts.length > 1 ? [parts.join(""), parts.join(" ")] : parts);
  if (isHtml(copy) && ["input", "select", "textarea"].includes(copy.localName)) {
    if (role === "button") {
      const known = { submit: "Submit", reset: "Reset" }[copy.type] ?? "";
      return [normal((copy.type === "image" ? copy.getAttribute("alt") : copy.getAttribute("value")) ?? "") || known];
    }
    const id = selectorBy(copy, "id");
    const labels = [...scope.querySelectorAll("label")].filter(
      (each) => (id && each.getAttribute("for") === copy.id) || (!each.hasAttribute("for") && each.contains(copy)),
    );
    const parts = labels.flatMap((each) => (each.contains(copy) && copy.localName !== "input" ? [null, null] : pieces(each)));
    if (parts.length) return parts.includes(null) ? [null] : either(parts);
    return [normal(copy.getAttribute("title") ?? copy.getAttribute("placeholder") ?? "")];
  }
  if (role === "img") return [normal(copy.getAttribute("alt") ?? "")];
  const parts = NAMED_BY_CONTENT.has(role) ? pieces(copy) : [];
  return parts.length ? either(parts) : [normal(copy.getAttribute("title") ?? "")];
}

// Roles find nothing that is hidden, or perhaps hidden, by the attributes of an element or of one around it.
function mayBeHidden(copy) {
  for (let each = copy; each; each = each.parentElement) {
    if (each.hasAttribute("hidden") || each.getAttribute("aria-hidden")?.toLowerCase() === "true") return true;
    if (each.style?.display === "none" || /^(hidden|collapse)$/.test(each.style?.visibility ?? "")) return true;
  }
  return false;
}

function roleAndName(copy, scope) {
  const role = roleOf(copy);
  if (!/^[a-z]+$/.test(role) || mayBeHidden(copy)) return null;
  const [name, ...others] = namesOf(copy, role, scope);
  if (!name || others.length || name.length > LONG) return null;
  const selector = role in TAGS ? `${TAGS[role]}, [role]` : "[role]";
  let alike = 0; // with this name, or with one that is not certain
  for (const each of scope.querySelectorAll(selector)) {
    if (roleOf(each) !== role) continue;
    if (namesOf(each, role, scope).some((given) => given === null || given === name) && ++alike > 1) return null;
  }
  return alike === 1 ? { kind: "css", value: `role=${role}[name=${quoted(name)}]` } : null;
}

// The runs of text that an element holds itself, as Playwright's text selectors see them.
function runs(copy) {
  if (copy.localName === "input" && ["submit", "button"].includes(copy.type)) return [copy.getAttribute("value") ?? ""];
  const found = [""];
  for (const node of copy.childNodes) {
    if (node.nodeType === 3) found[found.length - 1] += node.data;
    else if (isElement(node)) found.push("");
  }
  return found.map(normal).filter(Boolean);
}

function textOf(copy, scope) {
  const own = runs(copy);
  if (own.length !== 1 || own[0].length > LONG || copy.closest("head, script, style, noscript")) return null;
  const buttons = [...scope.querySelectorAll("input")];
  const texts = scope.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
  const holders = new Set(buttons);
  while (texts.nextNode()) {
    const part = texts.currentNode.data.trimStart();
    if (part[0] === own[0][0] || /^[\u200b\u00ad]/.test(part)) holders.add(texts.currentNode.parentElement);
  }
  let alike = 0;
  for (const each of holders) if (runs(each).includes(own[0]) && ++alike > 1) return null;
  return alike === 1 ? { kind: "css", value: `text=${quoted(own[0])}` } : null;
}

// Locators of an element in a snapshot, best first; empty if the snapshot does not hold it.
function locate(taken, live) {
  const copy = taken.copies.get(live);
  if (!copy) return [];
  const scope = taken.inert;
  const css = cssOf(copy, taken);
  const others = [xpathOf(copy, taken), attributeOf(copy, scope, css)];
  return [{ kind: "css", value: css }, ...others, roleAndName(copy, scope), textOf(copy, scope)].filter(Boolean);
}
