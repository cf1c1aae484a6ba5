// An issue tracker as a single page application: history.pushState, utility classes, dropdowns made of divs.
const PEOPLE = { noor: "Noor Haddad", elio: "Elio Brandt", mira: "Mira Kovač", jun: "Jun Okafor" };
const LABELS = { bug: "rose", docs: "sky", speed: "amber", idea: "emerald", question: "violet" };
const SEED = [
  [118, "Lamp list is empty after sorting by room", "open", "mira", ["bug"], "high", "Sort by room, then reload. The list stays empty until the filter is cleared."],
  [117, "Explain the dimming curve in the manual", "open", "", ["docs"], "low", "Readers ask why fifty percent looks darker than half."],
  [115, "Start-up takes nine seconds with forty lamps", "open", "jun", ["speed"], "high", "Most of it is spent asking each lamp for its name, one after the other."],
  [114, "Let me group lamps by colour", "open", "", ["idea"], "normal", "I would like a group for everything warm."],
  [112, "Schedule runs twice when summer time begins", "open", "elio", ["bug"], "urgent", "The evening scene was started at six and again at seven."],
  [111, "Is there a way to export scenes?", "closed", "noor", ["question"], "low", "I am moving house and would like to keep my scenes."],
  [109, "Dark theme: buttons keep a white border", "open", "", ["bug"], "low", "Seen on the settings page and on the scene editor."],
  [108, "Search ignores accents", "open", "mira", ["bug", "idea"], "normal", "Searching for cafe should find café."],
  [105, "Document the backup folder", "closed", "elio", ["docs"], "normal", "Nobody knows which files to keep."],
  [104, "Scrolling the log is slow", "open", "jun", ["speed"], "normal", "With ten thousand lines the page stops for a second."],
  [101, "Offer a compact list", "closed", "", ["idea"], "low", "Rows are tall on small screens."],
  [99, "Rename a room from its page", "open", "noor", ["idea"], "normal", "Today it takes four clicks through the settings."],
].map(([id, title, state, who, labels, priority, text]) => ({ id, title, state, who, labels, priority, text, comments: [] }));
SEED[0].comments.push({ who: "jun", text: "Happens here too, since the update of last week." }, { who: "elio", text: "The query sorts by a column that is gone." });
SEED[4].comments.push({ who: "noor", text: "We compare local times. We should compare instants." });

const ui = { state: "open", label: "", q: "", menu: "", sort: "newest", problem: "", picked: [], preview: false };
const issues = () => load("issues", SEED);
const keep = (issue) => save("issues", issues().map((i) => (i.id === issue.id ? issue : i)));
const chip = (label) => `<span class="inline-flex items-center rounded-full bg-${LABELS[label]}-100 px-2 py-0.5 text-xs font-medium text-${LABELS[label]}-800 ring-1 ring-inset ring-${LABELS[label]}-600/20" data-label="${label}">${label}</span>`;
const face = (login) => login ? `<span class="inline-flex h-6 w-6 items-center justify-center rounded-full bg-slate-200 text-xs" title="${PEOPLE[login]}">${login.slice(0, 2).toUpperCase()}</span>` : `<span class="text-slate-400" title="Nobody">—</span>`;
const BUTTON = "inline-flex items-center gap-2 rounded-md border px-3 py-2 text-sm font-semibold shadow-sm hover:bg-slate-50 focus-visible:outline focus-visible:outline-2 focus-visible:outline-offset-2 focus-visible:outline-indigo-600";

// A dropdown without a select element, as component libraries make them.
const menu = (name, shown, options) => `
<div class="relative" data-menu="${name}">
 <button type="button" class="${BUTTON}" id="menu-${name}" aria-haspopup="listbox" aria-expanded="${ui.menu === name}" onclick="ui.menu=ui.menu==='${name}'?'':'${name}';render()"><span class="truncate">${shown}</span>${icon("chevron", "h-4 w-4 text-slate-400")}</button>
 ${ui.menu === name ? `<div class="absolute mt-1 max-h-60 overflow-auto rounded-md border bg-white py-1 shadow-lg ring-1 ring-black/5" role="listbox" aria-labelledby="menu-${name}" tabindex="-1">${options.map(([value, text, on]) => `<div role="option" class="cursor-pointer select-none px-3 py-2 text-sm hover:bg-indigo-50 p-2" aria-selected="${on}" data-value="${value}" data-pick="${name}">${on ? icon("check", "h-4 w-4") : '<span class="inline-block h-4 w-4"></span>'}<span class="ml-2">${text}</span></div>`).join("")}</div>` : ""}
</div>`;

const sidebar = () => `
<aside class="flex w-56 flex-col border-r border-slate-200 bg-white px-4 py-6 p-4" aria-label="Project">
 <a href="/" data-link class="flex items-center gap-2 text-lg font-semibold tracking-tight">${icon("bug", "h-6 w-6 text-indigo-600")}<span>Lantern</span></a>
 <nav class="mt-8 flex flex-1 flex-col gap-y-1" aria-label="Sections">${[["/", "Issues"], ["/new", "New issue"]].map(([to, text]) => `<a href="${to}" data-link class="group flex gap-x-3 rounded-md p-2 text-sm leading-6 ${location.pathname === to ? "bg-slate-100 text-indigo-600" : "text-slate-700 hover:bg-slate-50"}" ${location.pathname === to ? 'aria-current="page"' : ""}>${text}</a>`).join("")}<span class="group flex gap-x-3 rounded-md p-2 text-sm text-slate-400" aria-disabled="true">Milestones</span></nav>
 <section class="mt-6"><h2 class="text-xs font-semibold uppercase text-slate-400">Labels</h2><ul class="mt-2 space-y-1">${Object.keys(LABELS).map((l) => `<li class="flex items-center justify-between text-sm"><button type="button" data-side-label="${l}" class="text-left">${chip(l)}</button><span class="tabular-nums text-slate-500">${issues().filter((i) => i.labels.includes(l)).length}</span></li>`).join("")}</ul></section>
 <div class="mt-6 flex items-center gap-2 text-sm">${face("noor")}<span>Noor Haddad</span></div>
</aside>`;

function list() {
  let rows = issues().filter((i) => (ui.state === "all" || i.state === ui.state) && (!ui.label || i.labels.includes(ui.label)) && i.title.toLowerCase().includes(ui.q.toLowerCase()));
  if (ui.sort === "oldest") rows = rows.toReversed();
  if (ui.sort === "discussed") rows = rows.toSorted((a, b) => b.comments.length - a.comments.length);
  return `
<header class="flex items-center justify-between border-b border-slate-200 pb-4"><h1 class="text-2xl font-semibold">Issues <span class="text-slate-400" data-role="count">${rows.length}</span></h1><a href="/new" data-link data-qa="new-issue" class="${BUTTON} bg-indigo-600 text-white">${icon("plus", "h-4 w-4")}New issue</a></header>
<div class="mt-4 flex flex-wrap items-center gap-2">
 <div role="tablist" aria-label="State" class="flex rounded-md border">${["open", "closed", "all"].map((s) => `<button type="button" role="tab" id="tab-${s}" aria-selected="${ui.state === s}" class="px-3 py-2 text-sm p-2 ${ui.state === s ? "bg-slate-900 text-white" : ""}" onclick="ui.state='${s}';render()">${s[0].toUpperCase() + s.slice(1)}</button>`).join("")}</div>
 ${menu("label", ui.label || "Any label", [["", "Any label", !ui.label], ...Object.keys(LABELS).map((l) => [l, l, ui.label === l])])}
 ${menu("sort", { newest: "Newest", oldest: "Oldest", discussed: "Most discussed" }[ui.sort], [["newest", "Newest", ui.sort === "newest"], ["oldest", "Oldest", ui.sort === "oldest"], ["discussed", "Most discussed", ui.sort === "discussed"]])}
 <label class="relative flex-1"><span class="visually-hidden sr-only">Filter by title</span><input id="filter" type="search" placeholder="Filter by title" class="w-full rounded-md border p-2 text-sm placeholder:text-slate-400" value="${esc(ui.q)}" oninput="filter(this)"></label>
</div>
<div class="mt-4 overflow-hidden rounded-md border bg-white shadow-sm"><table class="w-full divide-y divide-slate-200 text-sm" aria-label="Issues"><thead class="bg-slate-50 text-left text-xs uppercase text-slate-500"><tr><th scope="col" class="p-2"><input type="checkbox" aria-label="Pick all" onchange="pickAll(this.checked)" ${rows.length && rows.every((i) => ui.picked.includes(i.id)) ? "checked" : ""}></th><th scope="col" class="p-2">#</th><th scope="col" class="p-2">Title</th><th scope="col" class="p-2">Labels</th><th scope="col" class="p-2">Priority</th><th scope="col" class="p-2">Who</th></tr></thead>
<tbody id="rows" class="divide-y divide-slate-100">${rows.map(row).join("")}</tbody></table>${rows.length ? "" : `<p class="p-4 text-center text-slate-500">Nothing here.</p>`}</div>
${ui.picked.length ? `<div class="mt-4 flex items-center gap-2 rounded-md bg-slate-900 p-2 text-white" role="region" aria-label="Picked issues"><span>${ui.picked.length} picked</span><button type="button" data-qa="close-picked" class="${BUTTON}" onclick="closePicked()">Close them</button></div>` : ""}`;
}
const row = (i) => `<tr class="hover:bg-slate-50" data-issue="${i.id}" data-state="${i.state}"><td class="p-2"><input type="checkbox" aria-label="Pick issue ${i.id}" ${ui.picked.includes(i.id) ? "checked" : ""} onchange="pick(${i.id},this.checked)"></td><td class="p-2 tabular-nums text-slate-500">${i.id}</td><td class="p-2"><a href="/issues/${i.id}" data-link class="font-medium text-slate-900 hover:underline">${esc(i.title)}</a>${i.comments.length ? ` <span class="ml-2 text-xs text-slate-400">${i.comments.length} comments</span>` : ""}</td><td class="p-2"><div class="flex gap-2">${i.labels.map(chip).join("")}</div></td><td class="p-2"><span data-priority="${i.priority}">${i.priority}</span></td><td class="p-2">${face(i.who)}</td></tr>`;

const composer = () => `
<header class="border-b border-slate-200 pb-4"><h1 class="text-2xl font-semibold">New issue</h1></header>
<form id="new" class="mt-4 flex gap-4" onsubmit="create(event)"><div class="flex-1 space-y-4">
 <div><label for="title" class="block text-sm font-medium">Title</label><input id="title" name="title" class="mt-1 w-full rounded-md border p-2 ${ui.problem ? "ring-2 ring-rose-500" : ""}" maxlength="120" ${ui.problem ? 'aria-invalid="true" aria-describedby="problem"' : ""}>${ui.problem ? `<p id="problem" role="alert" class="text-sm text-rose-600">${esc(ui.problem)}</p>` : ""}</div>
 <div><span id="body-label" class="block text-sm font-medium">What happens?</span><div class="toolbar flex gap-2 border p-2" role="toolbar" aria-label="Text style">${["Bold", "Italic", "Code", "Quote"].map((t) => `<button type="button" class="rounded px-2 text-sm" aria-label="${t}" tabindex="-1" onclick="return false">${t[0]}</button>`).join("")}</div><div id="body" class="prose prose-slate mt-1 max-w-none" contenteditable="true" role="textbox" aria-multiline="true" aria-labelledby="body-label"></div></div>
 <button type="submit" data-qa="submit" class="${BUTTON} bg-indigo-600 text-white">Create issue</button></div>
 <div class="w-56 space-y-4"><div><label for="priority" class="block text-sm font-medium">Priority</label><select id="priority" name="priority" class="w-full rounded-md border p-2">${["low", "normal", "high", "urgent"].map((p) => `<option value="${p}" ${p === "normal" ? "selected" : ""}>${p}</option>`).join("")}</select></div>
 <fieldset><legend class="text-sm font-medium">Labels</legend>${Object.keys(LABELS).map((l) => `<label class="flex items-center gap-2 text-sm"><input type="checkbox" name="label" value="${l}" class="h-4 w-4 rounded border-slate-300 text-indigo-600">${chip(l)}</label>`).join("")}</fieldset>
 <fieldset><legend class="text-sm font-medium">Who</legend>${["", ...Object.keys(PEOPLE)].map((p) => `<label class="flex items-center gap-2 text-sm"><input type="radio" name="who" value="${p}" ${p ? "" : "checked"}><span>${p ? PEOPLE[p] : "Nobody yet"}</span></label>`).join("")}</fieldset></div></form>`;

const detail = (i) => `
<header class="border-b border-slate-200 pb-4"><p class="text-sm text-slate-500"><a href="/" data-link>Issues</a> / ${i.id}</p><h1 class="text-2xl font-semibold">${esc(i.title)}</h1><p class="mt-2 flex gap-2"><span class="rounded-full px-2 text-sm ${i.state === "open" ? "bg-emerald-100 text-emerald-800" : "bg-slate-200"}" data-role="state">${i.state}</span>${i.labels.map(chip).join("")}</p></header>
<div class="mt-4 flex gap-4"><div class="flex-1 space-y-4"><article class="rounded-md border bg-white p-4"><p>${esc(i.text)}</p></article>
${i.comments.map((m, n) => `<article class="rounded-md border bg-white p-4" data-comment="${n}"><header class="flex items-center gap-2 text-sm text-slate-500">${face(m.who)}<strong>${PEOPLE[m.who]}</strong></header><p class="mt-2">${esc(m.text)}</p></article>`).join("")}
<form onsubmit="comment(event,${i.id})"><label for="reply" class="block text-sm font-medium">Add a comment</label><textarea id="reply" name="reply" rows="4" class="w-full rounded-md border p-2" oninput="document.querySelector('[data-qa=send]').disabled=!this.value"></textarea><div class="mt-2 flex gap-2"><button type="submit" data-qa="send" class="${BUTTON}" disabled>Comment</button><button type="button" data-qa="toggle" class="${BUTTON}" onclick="toggle(${i.id})">${i.state === "open" ? "Close issue" : "Reopen issue"}</button></div></form></div>
<aside class="w-56 space-y-4" aria-label="Properties"><div><h2 class="text-sm font-semibold">Who</h2>${menu("who", i.who ? PEOPLE[i.who] : "Nobody", [["", "Nobody", !i.who], ...Object.entries(PEOPLE).map(([k, n]) => [k, n, i.who === k])])}</div><div><h2 class="text-sm font-semibold">Priority</h2><select name="priority" aria-label="Priority" class="w-full rounded-md border p-2" onchange="change(${i.id},{priority:this.value})">${["low", "normal", "high", "urgent"].map((p) => `<option ${p === i.priority ? "selected" : ""}>${p}</option>`).join("")}</select></div><div><h2 class="text-sm font-semibold">Watchers</h2><p class="flex gap-2">${face("noor")}${face("jun")}</p></div></aside></div>`;

const current = () => issues().find((i) => i.id === Number(location.pathname.split("/")[2]));
function render() {
  const issue = current();
  document.title = (issue ? `${issue.title} · ` : "") + "Lantern";
  $("#root").innerHTML = `<div class="flex min-h-full">${sidebar()}<main class="flex-1 px-8 py-6 p-4" id="main"><div class="mx-auto max-w-5xl">${issue ? detail(issue) : location.pathname === "/new" ? composer() : list()}</div></main></div>`;
}
function go(path) { history.pushState({}, "", path); ui.menu = ""; ui.problem = ""; render(); }
function filter(input) {
  ui.q = input.value;
  render();
  const again = $("#filter");
  again.focus();
  again.setSelectionRange(ui.q.length, ui.q.length);
}
function pick(id, on) { ui.picked = on ? [...ui.picked, id] : ui.picked.filter((p) => p !== id); render(); }
function pickAll(on) { ui.picked = on ? $$("#rows tr").map((r) => Number(r.dataset.issue)) : []; render(); }
function closePicked() { save("issues", issues().map((i) => (ui.picked.includes(i.id) ? { ...i, state: "closed" } : i))); ui.picked = []; render(); }
function change(id, what) { keep({ ...issues().find((i) => i.id === id), ...what }); render(); }
function toggle(id) { change(id, { state: current().state === "open" ? "closed" : "open" }); }
function comment(event, id) { event.preventDefault(); change(id, { comments: [...current().comments, { who: "noor", text: event.target.reply.value }] }); }
function create(event) {
  event.preventDefault();
  const data = new FormData(event.target);
  if (!data.get("title")) { ui.problem = "An issue needs a title."; render(); return; }
  const id = Math.max(...issues().map((i) => i.id)) + 1;
  save("issues", [{ id, title: data.get("title"), state: "open", who: data.get("who"), labels: data.getAll("label"), priority: data.get("priority"), text: $("#body").innerText, comments: [] }, ...issues()]);
  go("/issues/" + id);
}
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-link]");
  const option = event.target.closest("[data-pick]");
  const side = event.target.closest("[data-side-label]");
  if (link) { event.preventDefault(); go(link.getAttribute("href")); }
  if (side) { ui.label = side.dataset.sideLabel; go("/"); }
  if (option) {
    ui.menu = "";
    if (option.dataset.pick === "who") change(current().id, { who: option.dataset.value });
    else { ui[option.dataset.pick] = option.dataset.value; render(); }
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && ui.menu) { ui.menu = ""; render(); }
  if (event.key === "c" && document.activeElement === document.body) { event.preventDefault(); go("/new"); }
});
window.addEventListener("popstate", render);
render();
