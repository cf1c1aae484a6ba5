// What the user does on a page. Runs in a world of its own in every frame: the page's scripts see neither it nor what
// it calls. Its listeners come first, in the capture phase at the window, so that each snapshot is the page before it
// reacts. Nothing is changed in the page. What is told goes out by `say`, as JSON.

const NEAR = 5; // pixels: a pointer that moves less has not moved
const PAUSE = 600; // milliseconds without a turn of the wheel end a scroll
const KEYS = { " ": "Space" };
const HELD = ["Control", "Shift", "Alt", "Meta"];
const CONTROLS =
  "a[href], area[href], button, input, select, textarea, summary, option, [role=button], [role=link], [role=tab], " +
  "[role=menuitem], [role=menuitemcheckbox], [role=menuitemradio], [role=option], [role=checkbox], [role=radio], " +
  "[role=switch], [role=treeitem]";
const BROWSER_KEYS = /^(F5|F6|F11|F12|(Control|Meta)\+(Shift\+)?[rltwnRLTWN]|(Control|Meta)\+[-+=0]|Alt\+Arrow(Left|Right)|Alt\+[dD]|Control\+(Shift\+)?Tab|Control\+Shift\+[iIjJcC]|Control\+(F5|F4|PageUp|PageDown)|Alt\+(F4|Home))$/;
const TEXT_FIELDS = new Set("text search tel url email password number".split(" "));
const SET_FIELDS = new Set("range color date datetime-local month week time".split(" "));

const instance = Math.random().toString(36).slice(2);
let count = 0;
let down = null; // the pointer is down: where, and the page before
let lastClick = null; // the id of the last click, and where
let ticked = null; // the box that a pointer has just ticked
let held = null; // the page before the last key, for controls that react to keys
let pending = null; // a key that may yet turn out to be typing
let visit = null; // the field that is being typed into
let burst = null; // a scroll that goes on
let dragged = null; // what is being dragged by the browser's own means
let last = null; // the last value that was put into a control: several in a row are one

const send = (message) => globalThis.say?.(JSON.stringify({ ...message, at: Date.now() }));
const attempt = (handler) => (event) => {
  try {
    handler(event);
  } catch (error) {
    send({ t: "failed", what: String(error?.stack ?? error) });
  }
};
const on = (name, handler) => addEventListener(name, attempt(handler), { capture: true, passive: true });
const counts = (event) => event.isTrusted || driven;

function step(kind, taken, target, more = {}) {
  const id = `${instance}.${++count}`;
  last = null;
  const told = { id, kind, url: taken.url, html: taken.html, frame: root !== root.top, closed: taken.closed, secrets: taken.secrets };
  send({ t: "step", ...told, target: target ? locate(taken, target) : [], ...more });
  return id;
}

const leftOut = (what) => send({ t: "left_out", what });

// The control that a pointer acts on, else the element itself; what lies in a picture is the picture.
function actedOn(exact) {
  const control = exact.closest?.(CONTROLS);
  if (control) return control;
  const picture = exact.closest?.("svg");
  return picture?.parentElement && !isHtml(exact) ? picture : exact;
}

// The control of the label that an element is in, as clicks see it.
function controlOf(exact) {
  const control = exact.closest?.("a[href], button, input, select, textarea, label");
  return control?.localName === "label" ? control.control : control;
}

const isInput = (element, types) => isHtml(element) && element.localName === "input" && types.has(element.type);
const isBox = (element) => isInput(element, new Set(["checkbox", "radio"]));
const isFile = (element) => isInput(element, new Set(["file"]));
const isSelect = (element) => isElement(element) && isHtml(element) && element.localName === "select";
const opens = (element) => isSelect(element) || isFile(element) || isInput(element, SET_FIELDS);

// The field that takes text: an input, a textarea, or the outermost element that can be edited.
function fieldOf(element) {
  if (!isElement(element)) return null;
  if (element.localName === "textarea" || isInput(element, TEXT_FIELDS)) return element;
  let host = element.isContentEditable ? element : null;
  while (host?.parentElement?.isContentEditable) host = host.parentElement;
  return host;
}
const isMultiline = (field) => field.localName !== "input";
const valueOf = (field) => (field.isContentEditable ? field.innerText.replace(/\n$/, "") : field.value);

function modifiersOf(event) {
  const given = { Control: event.ctrlKey, Shift: event.shiftKey, Alt: event.altKey, Meta: event.metaKey };
  return HELD.filter((name) => given[name]);
}

// ------------------------------------------------------------------------------------------------------------- typing

function begin(field, late = false) {
  if (visit?.field === field) return;
  end();
  visit = { field, taken: new Taken(), value: valueOf(field), id: "", late };
}

function typed(certain = false) {
  if (!visit) return;
  const value = valueOf(visit.field);
  if (!visit.id && !certain && value === visit.value) return;
  const secret = isSecret(visit.field);
  if (!visit.id) visit.id = step("type", visit.taken, visit.field, { secret, late: visit.late });
  else if (value === visit.value) return;
  visit.value = value;
  send({ t: "value", id: visit.id, value: secret ? "" : value });
}

function end() {
  if (visit?.field.isConnected) typed();
  visit = null;
}

function decided() {
  const key = pending;
  pending = null;
  if (!key) return;
  end();
  step("press", key.taken, key.target, { value: key.value });
}

// All that is not told yet, before something else is.
function flush() {
  decided();
  end();
  scrolled();
}

on("beforeinput", (event) => {
  const field = counts(event) && fieldOf(event.composedPath()[0]);
  if (!field) return;
  if (pending && pending.field === field) {
    if (visit?.field !== field) {
      end();
      visit = { field, taken: pending.taken, value: valueOf(field), id: "", late: false };
    }
    pending = null;
  }
  begin(field);
});

on("input", (event) => {
  const element = event.composedPath()[0];
  const field = fieldOf(element);
  if (field && visit?.field === field) typed(event.isTrusted);
  else if (!counts(event)) return;
  else if (field) {
    begin(field, true);
    typed(true);
  } else if (isInput(element, SET_FIELDS)) put("type", element, element.value);
});

on("keyup", (event) => {
  if (!event.isTrusted) return;
  decided();
  typed();
});

on("focusout", (event) => {
  if (visit && event.composedPath()[0] === visit.field) end();
});

// --------------------------------------------------------------------------------------- what controls are changed to

function put(kind, element, value) {
  if (last?.element === element && last.kind === kind) {
    send({ t: "value", id: last.id, value: isSecret(element) ? "" : value });
    return;
  }
  const taken = down?.taken ?? held?.taken ?? new Taken();
  if (down) down.used = true;
  end();
  last = { kind, element, id: step(kind, taken, element, { secret: isSecret(element), late: taken !== held?.taken && taken !== down?.taken }) };
  send({ t: "value", id: last.id, value: isSecret(element) ? "" : value });
}

const optionsOf = (element) => (isSelect(element) ? [...element.selectedOptions].map((option) => normal(option.text)) : null);

function hold(element) {
  held = { taken: new Taken(), options: optionsOf(element) };
}

on("focusin", (event) => {
  const element = event.composedPath()[0];
  if (!down && opens(element)) hold(element);
});

on("change", (event) => {
  const element = event.composedPath()[0];
  if (!counts(event)) return;
  if (isSelect(element)) {
    const chosen = [...element.selectedOptions].map((option) => normal(option.text));
    const before = down?.options ?? held?.options ?? [];
    const gone = before.filter((text) => !chosen.includes(text));
    const fewer = element.multiple && gone.length && chosen.every((text) => before.includes(text));
    put(fewer ? "deselect" : "select", element, fewer ? gone : chosen);
  } else if (isFile(element)) {
    flush();
    step("upload", down?.taken ?? new Taken(), element, { value: [...element.files].map((file) => file.name) });
  } else if (isBox(element)) {
    if (ticked !== element) {
      flush();
      step(element.checked ? "check" : "uncheck", held?.taken ?? new Taken(), element, { late: !held });
    }
    ticked = null;
  } else if (isInput(element, SET_FIELDS)) put("type", element, element.value);
});

// --------------------------------------------------------------------------------------------------------- the pointer

on("pointerdown", (event) => {
  if (!event.isTrusted || !event.isPrimary) return;
  const exact = event.composedPath()[0];
  if (!isElement(exact)) return;
  const page = document.documentElement;
  if (exact === page && (event.clientX >= page.clientWidth || event.clientY >= page.clientHeight)) return; // a scroll bar
  released();
  flush();
  const control = controlOf(exact);
  const options = optionsOf(control);
  last = null;
  held = null;
  ticked = null;
  down = { taken: new Taken(), exact, control, options, x: event.clientX, y: event.clientY, times: 1 };
  down.button = event.button;
  down.modifiers = modifiersOf(event);
});

on("mousedown", (event) => {
  if (event.isTrusted && down) down.times = event.detail;
});

// Tell of the click that a pointer made, or of what it was instead.
function released(event = null) {
  const press = down;
  down = null;
  if (!press || press.over) return;
  const { taken, exact, control, modifiers } = press;
  const target = actedOn(exact);
  if (event && Math.hypot(event.clientX - press.x, event.clientY - press.y) > NEAR && press.button === 0) {
    if (!press.used && !opens(control)) pulled(press, event);
    return;
  }
  const box = press.button === 0 && isBox(control) && !control.disabled ? control : null;
  if (press.button === 0 && (opens(control) || press.used)) {
    down = event ? { ...press, over: true } : null; // what it opens may yet be used
    return;
  }
  if (box) {
    ticked = box;
    if (box.type !== "radio" || !box.checked) {
      step(box.checked ? "uncheck" : "check", taken, taken.copies.has(box) ? box : target, { modifiers, ...said(exact, box, taken) });
      return;
    }
  }
  const kind = { 1: "middle_click", 2: "right_click" }[press.button] ?? "click";
  const again = kind === "click" && press.times > 1 && lastClick?.target === target ? { again: lastClick.id, times: press.times } : {};
  const id = step(kind, taken, target, { modifiers, ...said(exact, target, taken), ...again });
  lastClick = { id, target };
}

// The element under the pointer, where another one is said to be acted on.
const said = (exact, target, taken) => (exact === target ? {} : { exact: locate(taken, exact).slice(0, 1) });

// The pointer moved while it was down: text was marked, or something was moved.
function pulled(press, event) {
  const { taken, exact, x, y } = press;
  const marked = String(getSelection()) || fieldOf(exact);
  if (marked) {
    leftOut("marked text");
    return;
  }
  const under = taken.nearest(event.composedPath()[0]);
  const source = actedOn(exact);
  const elsewhere = under && under !== source && !source.contains(under);
  const distance = `${Math.round(event.clientX - x)},${Math.round(event.clientY - y)}`;
  step("drag", taken, source, { value: distance, destination: elsewhere ? locate(taken, under) : [] });
}

on("pointerup", (event) => {
  if (event.isTrusted && event.isPrimary && down && !down.over && event.button === down.button) released(event);
});
on("pointercancel", (event) => {
  if (event.isTrusted && event.isPrimary && !down?.over) down = null;
});
on("contextmenu", (event) => {
  if (event.isTrusted && down?.button === 2) released(event);
});

on("dragstart", (event) => {
  if (!event.isTrusted) return;
  dragged = { taken: down?.taken ?? new Taken(), source: event.target };
  down = null;
});
on("drop", (event) => {
  if (!event.isTrusted) return;
  const files = [...(event.dataTransfer?.files ?? [])].map((file) => file.name);
  const under = event.composedPath()[0];
  if (dragged) {
    const { taken, source } = dragged;
    step("drag", taken, taken.nearest(source), { destination: locate(taken, taken.nearest(under)) });
  } else if (files.length) step("upload", new Taken(), under, { value: files });
  else leftOut("things dragged in from elsewhere");
  dragged = null;
});
on("dragend", () => {
  if (dragged) leftOut("drags that ended on nothing");
  dragged = null;
});

// ---------------------------------------------------------------------------------------------------------------- keys

on("keydown", (event) => {
  if (!event.isTrusted || event.isComposing || HELD.includes(event.key) || event.key === "Process") return;
  if (["AltGraph", "CapsLock", "Dead", "NumLock", "ScrollLock", "Unidentified"].includes(event.key)) return;
  const element = event.composedPath()[0];
  const graph = event.getModifierState("AltGraph");
  const plain = graph || !(event.ctrlKey || event.metaKey || event.altKey);
  const character = event.key.length === 1;
  const modifiers = graph ? [] : modifiersOf(event).filter((name) => name !== "Shift" || !character || !plain);
  const value = [...modifiers, KEYS[event.key] ?? event.key].join("+");
  const field = fieldOf(element);
  decided();
  if (BROWSER_KEYS.test(value)) return;
  if (field && plain && (character || event.key === "Backspace" || event.key === "Delete")) {
    begin(field);
    return;
  }
  if (field) {
    const caret = ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key);
    if (caret || (isMultiline(field) && /^(Arrow|Page)/.test(event.key))) return;
    const typing = isMultiline(field) && event.key === "Enter";
    if (typing || (!plain && character)) {
      pending = { field, target: element, value, taken: new Taken() };
      return;
    }
  } else if (isBox(element) ? event.key === " " || /^Arrow/.test(event.key) : opens(element) && !["Tab", "Escape"].includes(event.key)) {
    if (last?.element !== element) {
      flush();
      down = null;
      hold(element);
    }
    return;
  }
  if (event.repeat) return;
  released();
  flush();
  const target = [document.body, document.documentElement].includes(element) || !isElement(element) ? null : element;
  step("press", new Taken(), target, { value });
});

// ---------------------------------------------------------------------------------------------------- scroll, and leave

// A wheel turns a page before its event comes, so where things stood is noted beforehand.
const stood = new WeakMap(); // element -> its position when no scroll went on
const pageOf = () => document.scrollingElement ?? document.documentElement;
const scrolls = (element) => element.scrollHeight > element.clientHeight || element.scrollWidth > element.clientWidth;
const position = (element) => [element.scrollLeft, element.scrollTop];
const scrollables = (event) => [...event.composedPath().filter((each) => isElement(each) && each !== pageOf() && scrolls(each)), pageOf()];

function note(event) {
  if (!burst) for (const element of scrollables(event)) if (!stood.has(element)) stood.set(element, position(element));
}
on("pointerover", note);
on("pointermove", note);
on("scroll", (event) => {
  const element = event.target === document ? pageOf() : event.target;
  setTimeout(attempt(() => burst || stood.set(element, position(element))), PAUSE);
});

on("wheel", (event) => {
  if (!event.isTrusted || event.ctrlKey) return;
  if (!burst) {
    note(event);
    decided();
    end();
    burst = { taken: new Taken(), elements: scrollables(event) };
  }
  clearTimeout(burst.timer);
  burst.timer = setTimeout(attempt(scrolled), PAUSE);
});

function scrolled() {
  const { taken, elements, timer } = burst ?? { elements: [] };
  burst = null;
  clearTimeout(timer);
  let told = false;
  for (const element of elements) {
    const [left, top] = stood.get(element) ?? position(element);
    const [x, y] = position(element).map((now, axis) => Math.round(now - [left, top][axis]));
    stood.set(element, position(element));
    if (told || (!x && !y)) continue;
    const value = x && y ? `${x},${y}` : x ? `${x > 0 ? "right" : "left"} ${Math.abs(x)}` : `${y > 0 ? "down" : "up"} ${Math.abs(y)}`;
    step("scroll", taken, element === pageOf() && root === window ? null : element, { value });
    told = true;
  }
}

function all() {
  if (down && !down.over) released();
  flush();
}

// The page as it is now, for actions that leave it.
function now() {
  const { url, html, closed, secrets } = new Taken();
  return { url, html, closed, secrets };
}

on("beforeunload", () => {
  all();
  if (window === window.top) send({ t: "leave", page: now() });
});
if (window === window.top) {
  globalThis.navigation?.addEventListener("navigate", attempt((event) => {
    if (event.navigationType !== "traverse" || !event.userInitiated || !event.destination.sameDocument) return;
    all();
    send({ t: "step_back", by: event.destination.index - navigation.currentEntry.index, page: now() });
  }));
  document.addEventListener("visibilitychange", () => document.hidden || send({ t: "visible" }), true);
}

// A field of passwords that a script turns into another one keeps its secret.
new MutationObserver((changes) => {
  for (const { oldValue, target } of changes) if (/^password$/i.test(oldValue ?? "")) shared.secrets.add(target);
}).observe(document, { subtree: true, attributeFilter: ["type"], attributeOldValue: true });

globalThis.stepmill = { all, now: () => JSON.stringify(now()) };
send({ t: "hello", top: window === window.top, hidden: document.hidden });
