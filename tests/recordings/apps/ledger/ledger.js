// Bookkeeping in the manner of older enterprise software: a shell with an iframe, tables for layout, inline handlers.
const CUSTOMERS = [["c01", "Alder & Finch Ltd", "Norhaven"], ["c02", "Bramble Bakery", "Eastmere"], ["c03", "Copper Lane School", "Norhaven"], ["c04", "Dunmore Boats", "Port Merrow"], ["c05", "Elmside Clinic", "Eastmere"]];
const customer = (id) => CUSTOMERS.find((c) => c[0] === id)?.[1] ?? "";
const SEED = [
  ["1041", "c01", "2031-02-03", 84000, "paid"], ["1042", "c03", "2031-02-10", 126500, "paid"], ["1043", "c02", "2031-02-18", 23900, "overdue"],
  ["1044", "c05", "2031-02-24", 410000, "sent"], ["1045", "c04", "2031-03-02", 65250, "sent"], ["1046", "c01", "2031-03-05", 19900, "draft"],
  ["1047", "c02", "2031-03-09", 48700, "overdue"], ["1048", "c03", "2031-03-12", 90300, "sent"], ["1049", "c04", "2031-03-15", 7700, "draft"],
].map(([number, who, date, cents, state]) => ({ number, who, date, cents, state, note: "" }));
const invoices = () => load("invoices", SEED);
// Named draft, not form: in the inline handlers of fields, form is the form element.
const draft = load("form", null) ?? { who: "", date: "2031-03-20", due: "2031-04-19", vat: "20", note: "", send: "later", copy: false, lines: [{ text: "", count: "1", price: "" }], problem: "" };
const list = load("list", { state: "", q: "", picked: [], desc: false });
const saveForm = () => save("form", draft);
const sum = () => draft.lines.reduce((t, l) => t + Math.round(Number(l.count) * Number(l.price) * 100), 0);

function listPage() {
  let rows = invoices().filter((i) => (!list.state || i.state === list.state) && (customer(i.who) + i.number).toLowerCase().includes(list.q.toLowerCase()));
  if (list.desc) rows = rows.toSorted((a, b) => b.cents - a.cents);
  return `<h1 class="navbar_title">Invoices</h1><div class="list_nav" style="padding: 4px 0px"><label for="state_filter">State</label> <select id="state_filter" name="state_filter" onchange="list.state=this.value;draw()">${["", "draft", "sent", "overdue", "paid"].map((v) => `<option value="${v}" ${list.state === v ? "selected" : ""}>${v || "-- All --"}</option>`).join("")}</select>
<input id="list_q" name="list_q" value="${esc(list.q)}" aria-label="Customer or number" placeholder="Customer or number"><button id="list_go" type="button" onclick="list.q=document.getElementById('list_q').value;draw()">Find</button> <button id="mark_paid" type="button" ${list.picked.length ? "" : "disabled"} onclick="markPaid()">Mark as paid</button> <button id="remind" type="button" ${list.picked.length ? "" : "disabled"} onclick="remind()">Send reminder</button></div>
<div id="output_messages" class="outputmsg_div" role="status">${esc(list.message ?? "")}</div>
<table id="invoice_table" class="list_table" aria-label="Invoices, ${rows.length} rows"><thead><tr class="list_hdr"><th width="20"></th><th scope="col">Number</th><th scope="col">Customer</th><th scope="col">Date</th><th scope="col"><a id="sort_sum" href="#" onclick="list.desc=!list.desc;draw();return false">Sum ${list.desc ? "▼" : ""}</a></th><th scope="col">State</th></tr></thead><tbody class="list2_body">
${rows.map((i, n) => `<tr id="row_invoice_${i.number}" class="list_row ${n % 2 ? "list_even" : "list_odd"}" data-list_id="invoice" sys_id="${hash(i.number)}${hash("b" + i.number)}"><td class="list_decoration_cell"><input type="checkbox" id="check_invoice_${i.number}" name="check_${i.number}" aria-label="Select invoice ${i.number}" ${list.picked.includes(i.number) ? "checked" : ""} onclick="pick('${i.number}',this.checked)"></td><td class="vt"><a class="linked formlink" href="/form.html?number=${i.number}" aria-label="Open invoice ${i.number}">INV${i.number}</a></td><td class="vt">${esc(customer(i.who))}</td><td class="vt"><div class="datex date-calendar" timeago="${i.date} 00:00:00">${i.date}</div></td><td class="vt" style="text-align: right">${money(i.cents)}</td><td class="vt"><span class="state state_${i.state}">${i.state}</span></td></tr>`).join("")}</tbody></table>
<table class="list_nav_bottom"><tbody><tr><td><span id="rows_shown">${rows.length}</span> of ${invoices().length}</td><td><a href="#" onclick="return false" aria-disabled="true" class="tab_first">First page</a></td><td><a href="#" onclick="return false" class="tab_next">Next page</a></td></tr></tbody></table>`;
}
const input = (id, label, value, key, type = "text") => `<tr><td class="label_left"><label for="${id}"><span class="label-text">${label}</span></label></td><td><input id="${id}" name="${id}" type="${type}" class="form-control" value="${esc(value)}" onchange="draft.${key}=this.value;saveForm()"></td></tr>`;
const lineRow = (l, n) => `<tr class="line_row" data-line="${n}"><td><input name="text_${n}" aria-label="Text of line ${n + 1}" value="${esc(l.text)}" size="30" onchange="line(${n},'text',this)"></td><td><input name="count_${n}" aria-label="Count of line ${n + 1}" value="${esc(l.count)}" size="4" onchange="line(${n},'count',this)"></td><td><input name="price_${n}" aria-label="Price of line ${n + 1}" value="${esc(l.price)}" size="8" onchange="line(${n},'price',this)"></td><td>${money(Math.round(Number(l.count) * Number(l.price) * 100))}</td><td><button type="button" name="drop_${n}" aria-label="Drop line ${n + 1}" ${draft.lines.length > 1 ? "" : "disabled"} onclick="draft.lines.splice(${n},1);saveForm();draw()">${icon("trash")}</button></td></tr>`;
function formPage() {
  const number = new URLSearchParams(location.search).get("number");
  if (number) {
    const i = invoices().find((one) => one.number === number);
    return `<h1 class="navbar_title">Invoice ${i.number}</h1><table class="form_table"><tbody><tr><td class="label_left">Customer</td><td>${esc(customer(i.who))}</td></tr><tr><td class="label_left">Date</td><td>${i.date}</td></tr><tr><td class="label_left">Sum</td><td>${money(i.cents)}</td></tr><tr><td class="label_left">State</td><td><span class="state state_${i.state}" id="state">${i.state}</span></td></tr><tr><td class="label_left"><label for="work_note">Work note</label></td><td><textarea id="work_note" name="work_note" rows="3" cols="50">${esc(i.note)}</textarea></td></tr></tbody></table><button id="save_note" type="button" onclick="update('${i.number}',{note:document.getElementById('work_note').value})">Save note</button> <button id="pay" type="button" ${i.state === "paid" ? "disabled" : ""} onclick="update('${i.number}',{state:'paid'})">Mark as paid</button> <a id="back" href="/list.html">Back to the list</a><h2>Trail</h2><table class="list_table"><tbody>${["Created by the joiner's office", "Checked against the offer", "Sum agreed by telephone", "Filed under the quarter"].map((t, n) => `<tr class="list_row"><td>${n + 1}</td><td>${t}</td><td>${i.date}</td></tr>`).join("")}</tbody></table>`;
  }
  return `<h1 class="navbar_title">New invoice</h1>${draft.problem ? `<div class="outputmsg_error" role="alert" id="problem">${esc(draft.problem)}</div>` : ""}
<form id="invoice" name="invoice" onsubmit="store();return false"><table class="form_table"><tbody><tr><td class="label_left"><label for="customer"><span class="required-marker" aria-label="Mandatory">*</span><span class="label-text">Customer</span></label></td><td><select id="customer" name="customer" onchange="draft.who=this.value;saveForm()"><option value="">-- None --</option>${CUSTOMERS.map(([id, name]) => `<option value="${id}" ${draft.who === id ? "selected" : ""}>${esc(name)}</option>`).join("")}</select></td></tr>
${input("date", "Date", draft.date, "date")}${input("due", "Due", draft.due, "due")}<tr><td class="label_left">VAT</td><td>${["0", "10", "20"].map((v) => `<label><input type="radio" name="vat" value="${v}" ${draft.vat === v ? "checked" : ""} onclick="draft.vat='${v}';saveForm();draw()"> ${v}%</label> `).join("")}</td></tr></tbody></table>
<table id="lines" class="list_table" aria-label="Lines"><thead><tr><th>Text</th><th>Count</th><th>Price</th><th>Sum</th><th></th></tr></thead><tbody>${draft.lines.map(lineRow).join("")}</tbody></table><button id="add_line" type="button" onclick="draft.lines.push({text:'',count:'1',price:''});saveForm();draw()">${icon("plus")}Add a line</button>
<p id="sum">Sum with VAT: <b>${money(Math.round((sum() * (100 + Number(draft.vat))) / 100))}</b></p><table class="form_table"><tbody><tr><td class="label_left"><label for="note">Note to the customer</label></td><td><textarea id="note" name="note" rows="3" cols="50" onchange="draft.note=this.value;saveForm()">${esc(draft.note)}</textarea></td></tr><tr><td class="label_left">Send</td><td><label><input type="checkbox" name="copy" ${draft.copy ? "checked" : ""} onclick="draft.copy=this.checked;saveForm()"> Keep a copy in the archive</label></td></tr></tbody></table><input type="hidden" name="sysparm_ck" value="${hash("ck1")}${hash("ck2")}${hash("ck3")}${hash("ck4")}"><button id="save" type="submit" class="form_action_button">Save</button> <button id="clear" type="reset" class="form_action_button" onclick="sessionStorage.removeItem('form');location.reload()">Clear</button></form>`;
}
const customersPage = () => `<h1 class="navbar_title">Customers</h1><table class="list_table" aria-label="Customers"><tbody>${CUSTOMERS.map(([id, name, town]) => `<tr class="list_row" id="row_${id}"><td>${esc(name)}</td><td>${town}</td><td>${invoices().filter((i) => i.who === id).length} invoices</td><td><a href="/list.html" aria-label="Invoices of ${esc(name)}" onclick="list.q='${esc(name).replaceAll("'", "")}';list.state='';save('list',list)">Invoices</a></td></tr>`).join("")}</tbody></table>`;
function draw() {
  save("list", list);
  $("#page").innerHTML = { list: listPage, form: formPage, customers: customersPage }[document.body.dataset.page]();
}
function pick(number, on) { list.picked = on ? [...list.picked, number] : list.picked.filter((n) => n !== number); draw(); }
function markPaid() { save("invoices", invoices().map((i) => (list.picked.includes(i.number) ? { ...i, state: "paid" } : i))); list.message = `${list.picked.length} invoices marked as paid.`; list.picked = []; draw(); }
function remind() { list.message = `${list.picked.length} reminders sent.`; list.picked = []; draw(); }
function line(n, key, field) { draft.lines[n][key] = field.value; saveForm(); draw(); }
function update(number, what) { save("invoices", invoices().map((i) => (i.number === number ? { ...i, ...what } : i))); draw(); }
function store() {
  draft.problem = draft.who ? (sum() ? "" : "The invoice has no sum.") : "The following mandatory fields are not filled in: Customer";
  if (draft.problem) { draw(); return; }
  const number = String(Math.max(...invoices().map((i) => Number(i.number))) + 1);
  save("invoices", [...invoices(), { number, who: draft.who, date: draft.date, cents: Math.round((sum() * (100 + Number(draft.vat))) / 100), state: "draft", note: draft.note }]);
  sessionStorage.removeItem("form");
  location.href = "/form.html?number=" + number;
}
draw();
