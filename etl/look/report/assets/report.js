"use strict";
// Whatever was recorded is put into the page as text, or into a sandboxed frame; nothing here makes markup of it.
(() => {
  const $ = (id) => document.getElementById(id);
  // The one door for markup: the documents of sandboxed frames. Under `require-trusted-types-for 'script'` a browser
  // that knows of it refuses every other way to turn text into markup.
  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy("frames", { createHTML: (text) => text })
    : { createHTML: (text) => text };

  const element = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  document.documentElement.classList.add("scripted");

  // What a bar or point of a plot says, for the mouse.
  for (const mark of document.querySelectorAll("figure svg [aria-label]")) {
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = mark.getAttribute("aria-label");
    mark.append(title);
  }

  // Tables: a click on the head of a column sorts by it, a second one the other way round.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.toLowerCase() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => {
        const rows = [...table.tBodies[0].rows];
        const numeric = rows.length > 0 && rows[0].cells[column].dataset.value !== undefined;
        const before = head.getAttribute("aria-sort");
        const order = before ? (before === "ascending" ? "descending" : "ascending") : numeric ? "descending" : "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        rows.sort((a, b) => sign * compare(valueOf(a, column), valueOf(b, column)));
        table.tBodies[0].append(...rows);
      });
    });
  }
  for (const input of document.querySelectorAll("input[data-table]")) {
    const rows = [...$(input.dataset.table).tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const search = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      rows.forEach((row, at) => {
        row.hidden = !words.every((word) => texts[at].includes(word));
        found += row.hidden ? 0 : 1;
      });
      $(input.dataset.table + "-found").textContent = `${found} of ${rows.length} rows`;
    };
    input.addEventListener("input", search);
    search();
  }

  // Steps.
  const steps = JSON.parse($("data").textContent);
  if (!steps.length) return;
  const chosen = $("chosen");
  const labels = steps.map((step) => step.label.toLowerCase());
  let asked = 0;

  const unpacked = async (text) => {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };

  const frame = (title, markup) => {
    const made = element("iframe", undefined, { sandbox: "", title, referrerpolicy: "no-referrer", tabindex: "0" });
    made.srcdoc = policy.createHTML(markup);
    return made;
  };

  const source = (label, text, mark) => {
    const made = element("pre", undefined, { class: "source", tabindex: "0", role: "region", "aria-label": label });
    if (mark) {
      made.append(text.slice(0, mark[0]), element("mark", text.slice(mark[0], mark[1])), text.slice(mark[1]));
    } else {
      made.append(text);
    }
    return made;
  };

  // Scrolls a box, and nothing around it, to something in it.
  const centre = (box, what) => {
    if (what) box.scrollTop = what.offsetTop - box.clientHeight / 2;
  };

  const show = (place, name, page) => {
    place.replaceChildren();
    if (page.missing) {
      place.append(element("p", page.missing, { class: "note" }));
      return;
    }
    const bar = element("p", undefined, { class: "controls" });
    const views = [
      ["Rendered", () => frame(`${name}, rendered`, page.document)],
      ["Source", () => source(`${name}, source`, page.source ?? page.document, page.mark)],
    ];
    const buttons = views.map(([label]) => element("button", label, { type: "button", "aria-label": `${label}: ${name}` }));
    const select = (at) => {
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === at)));
      body.replaceChildren(views[at][1]());
      centre(place.querySelector("pre"), place.querySelector("mark"));
    };
    buttons.forEach((button, at) => button.addEventListener("click", () => select(at)));
    bar.append(...buttons);
    const body = element("div");
    place.append(bar, body);
    if (page.note) place.append(element("p", page.note, { class: "note" }));
    select(0);
  };

  const showTokens = (step) => {
    const spans = document.createDocumentFragment();
    const losses = step.loss.flat();
    let at = 0;
    step.tokens.forEach((text, number) => {
      while (at < losses.length && number >= losses[at]) at += 1;
      const span = element("span", text);
      if (at % 2) span.className = "loss";
      spans.append(span);
    });
    $("tokens").replaceChildren(spans);
    centre($("tokens"), $("tokens").querySelector(".loss"));
  };

  const load = async (number) => {
    const mine = (asked += 1);
    const step = await unpacked(steps[number].data);
    if (mine !== asked) return; // another one was asked for in the meantime
    $("step-h").textContent = steps[number].label;
    $("facts").replaceChildren(...step.facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
    show($("before"), $("before-h").textContent, step.before);
    show($("after"), $("after-h").textContent, step.after);
    showTokens(step);
    $("step").dataset.shown = String(number);
  };

  const options = () => [...chosen.options];
  const place = () => {
    const at = chosen.selectedIndex;
    $("position").textContent = chosen.length ? `${at + 1} of ${chosen.length} steps` : "no such step";
    $("previous").disabled = at <= 0;
    $("next").disabled = at >= chosen.length - 1;
    if (!chosen.length) return;
    load(Number(chosen.value)).catch((error) => { // an old browser that cannot unpack it
      $("step-h").textContent = `This step cannot be shown: ${error.message}`;
    });
  };
  const fill = () => {
    const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const of = { source: $("of-source").value, domain: $("of-domain").value };
    const kept = steps.map((_, at) => at).filter((at) => words.every((word) => labels[at].includes(word))
      && Object.entries(of).every(([name, wanted]) => !wanted || steps[at][name] === wanted));
    chosen.replaceChildren(...kept.map((at) => element("option", steps[at].label, { value: String(at) })));
    place();
  };
  const go = (by) => {
    const to = chosen.selectedIndex + by;
    if (to < 0 || to >= options().length) return;
    chosen.selectedIndex = to;
    place();
  };
  for (const name of ["source", "domain"]) {
    const every = [...new Set(steps.map((step) => step[name]))].sort();
    const choice = $(`of-${name}`);
    choice.replaceChildren(element("option", "all", { value: "" }), ...every.map((each) => element("option", each, { value: each })));
    choice.addEventListener("change", fill);
  }
  chosen.addEventListener("change", place);
  $("find").addEventListener("input", fill);
  $("previous").addEventListener("click", () => go(-1));
  $("next").addEventListener("click", () => go(1));
  $("steps").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=search], select")) return;
    const by = { n: 1, p: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    go(by);
  });
  if ($("boundaries")) { // a report of answers has texts in place of tokens
    $("boundaries").addEventListener("change", (event) => $("tokens").classList.toggle("cut", event.target.checked));
    $("tokens").classList.add("cut");
  }
  fill();
})();
