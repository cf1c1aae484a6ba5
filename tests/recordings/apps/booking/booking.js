// A hotel's booking page: one page, four stages, a grid of dates. Its calendar begins in a fixed month.
const MONTHS = [[2031, 4, "April 2031"], [2031, 5, "May 2031"], [2031, 6, "June 2031"]];
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ROOMS = [
  ["attic", "Attic room", 8900, 2, "Under the roof, with a skylight over the bed and a desk by the gable window."],
  ["quay", "Quay double", 12400, 2, "Looks over the boats. Shower, kettle, a shelf of sea stories."],
  ["garden", "Garden twin", 11200, 2, "Two beds, quiet, with a door to the herb garden."],
  ["family", "Family suite", 18900, 5, "Two rooms, a bunk bed for three, a bath on feet."],
].map(([id, name, price, sleeps, text]) => ({ id, name, price, sleeps, text }));
const EXTRAS = { breakfast: ["Breakfast", 1400], parking: ["Parking", 900], bikes: ["Two bicycles", 1600], dog: ["A basket for the dog", 700] };
const s = { stage: 1, month: 0, from: "", to: "", adults: 2, children: 0, room: "", extras: [], rate: "flexible", problem: "", guest: {} };
const pad = (n) => String(n).padStart(2, "0");
const taken = (key) => Number(key.slice(-2)) % 11 === 4 || key.startsWith("2031-04-0");
const nights = () => (s.from && s.to ? Math.round((Date.parse(s.to) - Date.parse(s.from)) / 86400000) : 0);
const price = () => nights() * ((ROOMS.find((r) => r.id === s.room)?.price ?? 0) - (s.rate === "saver" ? 900 : 0)) + s.extras.reduce((sum, e) => sum + EXTRAS[e][1] * nights(), 0);

function calendar() {
  const [year, month, title] = MONTHS[s.month];
  const lead = (new Date(Date.UTC(year, month - 1, 1)).getUTCDay() + 6) % 7;
  const count = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const cells = [...Array(lead).fill(0), ...Array.from({ length: count }, (_, n) => n + 1)];
  while (cells.length % 7) cells.push(0);
  const weeks = Array.from({ length: cells.length / 7 }, (_, n) => cells.slice(n * 7, n * 7 + 7));
  const cell = (day, column) => {
    if (!day) return `<td class="Calendar_cell__w0P2x Calendar_cell--blank__m1Za0" aria-hidden="true"></td>`;
    const key = `${year}-${pad(month)}-${pad(day)}`;
    const chosen = key === s.from || key === s.to;
    const between = s.from && s.to && key > s.from && key < s.to;
    return `<td class="Calendar_cell__w0P2x ${chosen ? "is-chosen" : ""} ${between ? "is-between" : ""}" role="gridcell" aria-selected="${chosen}"><button type="button" class="Calendar_day__x7Gk2" data-date="${key}" aria-label="${DAYS[column]}, ${day} ${title}${taken(key) ? ", taken" : ""}" ${taken(key) ? "disabled" : ""} onclick="day('${key}')"><span class="Calendar_number__u5Tt1">${day}</span><small class="Calendar_price__q2Rr8">${taken(key) ? "" : 89 + ((day * 7) % 23)}</small></button></td>`;
  };
  return `<section class="Calendar_root__z9Lk4" aria-label="Dates"><div class="Calendar_head__p4Vn6 row"><button type="button" aria-label="Month before" ${s.month ? "" : "disabled"} onclick="s.month--;render()">‹</button><h2 aria-live="polite">${title}</h2><button type="button" aria-label="Month after" ${s.month < 2 ? "" : "disabled"} onclick="s.month++;render()">›</button></div>
<table class="calendar Calendar_grid__k3Jd9" role="grid"><thead><tr>${DAYS.map((d) => `<th scope="col" abbr="${d}"><span aria-hidden="true">${d.slice(0, 2)}</span></th>`).join("")}</tr></thead><tbody>${weeks.map((w) => `<tr class="Calendar_week__a6Bc3">${w.map(cell).join("")}</tr>`).join("")}</tbody></table></section>`;
}
const stepper = (key, label, low, high) => `<div class="Stepper_root__d5Yh7 row" role="group" aria-label="${label}"><span class="Stepper_label__c2Mw8">${label}</span><button type="button" data-step="${key}-minus" aria-label="Fewer ${key}" ${s[key] <= low ? "disabled" : ""} onclick="s.${key}--;render()">${icon("minus")}</button><output>${s[key]}</output><button type="button" data-step="${key}-plus" aria-label="More ${key}" ${s[key] >= high ? "disabled" : ""} onclick="s.${key}++;render()">${icon("plus")}</button></div>`;
const when = () => `<div class="Stage_body__e3Fp1"><h1>When would you like to come?</h1>${calendar()}<section class="Guests_root__n8Qv2" aria-label="Guests">${stepper("adults", "Adults", 1, 4)}${stepper("children", "Children", 0, 3)}</section>${s.problem ? `<p role="alert" class="Alert_root__g7Ks5">${s.problem}</p>` : ""}<button type="button" class="Button_primary__r4Hd6" data-next="rooms" onclick="toRooms()">Show rooms</button></div>`;
const rooms = () => `<div class="Stage_body__e3Fp1"><h1>Rooms for ${nights()} nights</h1>${ROOMS.map((r) => {
  const fits = r.sleeps >= s.adults + s.children;
  return `<article class="Room_card__b81Qz ${s.room === r.id ? "is-chosen" : ""}" data-room="${r.id}"><div class="Room_media__f0Lp9"><img src="/img/${r.id}.svg" alt="${r.name}" width="160" height="120"></div><div class="Room_text__h6Nj3"><h2>${r.name}</h2><p>${r.text}</p><ul class="Room_facts__v1Xs4"><li>${icon("bed")} sleeps ${r.sleeps}</li><li>${icon("check")} linen and towels</li><li>${icon("check")} no smoking</li></ul></div><div class="Room_buy__t2Ka8"><strong>${money(r.price * nights())}</strong><small>${money(r.price)} a night</small><button type="button" class="Button_primary__r4Hd6" aria-label="Choose ${r.name}" ${fits ? "" : "disabled"} onclick="s.room='${r.id}';s.stage=3;render()">${fits ? "Choose" : "Too small"}</button></div></article>`;
}).join("")}<button type="button" class="Button_link__y9Cv5" data-back="dates" onclick="s.stage=1;render()">Change dates</button></div>`;
const details = () => `<div class="Stage_body__e3Fp1"><h1>Your details</h1><form id="guest" novalidate onsubmit="confirmBooking(event)"><fieldset class="Field_group__j4Wq0"><legend>Rate</legend>${[["flexible", "Flexible, cancel until the day before"], ["saver", "Saver, €9 less a night, no changes"]].map(([v, t]) => `<label class="Field_radio__o8Et7"><input type="radio" name="rate" value="${v}" ${s.rate === v ? "checked" : ""} onchange="remember();s.rate=this.value;render()"><span>${t}</span></label>`).join("")}</fieldset>
<fieldset class="Field_group__j4Wq0"><legend>Extras, per night</legend>${Object.entries(EXTRAS).map(([k, [t, p]]) => `<label class="Field_check__i1Uy2"><input type="checkbox" name="extra" value="${k}" ${s.extras.includes(k) ? "checked" : ""} onchange="remember();setExtra('${k}',this.checked)"><span>${t}</span> <em>${money(p)}</em></label>`).join("")}</fieldset>
${[["guest-name", "Name", "text"], ["guest-mail", "Email", "email"], ["guest-phone", "Phone", "tel"]].map(([n, t, k]) => `<div class="Field_root__l5Dx9"><label for="${n}">${t}</label><input class="Field_input__s3Gb6" id="${n}" name="${n}" type="${k}" value="${esc(s.guest[n] ?? "")}"></div>`).join("")}
<div class="Field_root__l5Dx9"><label for="arrival">Arrival</label><select id="arrival" name="arrival">${["Afternoon", "Early evening", "Late evening"].map((t) => `<option ${s.guest.arrival === t ? "selected" : ""}>${t}</option>`).join("")}</select></div><div class="Field_root__l5Dx9"><label for="wishes">Wishes</label><textarea id="wishes" name="wishes" rows="3">${esc(s.guest.wishes ?? "")}</textarea></div>${s.problem ? `<p role="alert" class="Alert_root__g7Ks5">${s.problem}</p>` : ""}<button type="submit" class="Button_primary__r4Hd6" data-next="confirm">Book for ${money(price())}</button></form></div>`;
const thanks = () => `<div class="Stage_body__e3Fp1">${icon("check")}<h1>See you soon, ${esc(s.guest["guest-name"])}</h1><p>Your booking <strong data-role="reference">QH-${hash(JSON.stringify(s)).slice(0, 6).toUpperCase()}</strong> is confirmed.</p><button type="button" class="Button_link__y9Cv5" data-role="print" onclick="return false">Print</button></div>`;
const summary = () => `<aside class="Summary_root__w7Rf1" aria-label="Your stay"><h2>Your stay</h2><dl><dt>Arrive</dt><dd>${s.from || "not chosen"}</dd><dt>Leave</dt><dd>${s.to || "not chosen"}</dd><dt>Guests</dt><dd>${s.adults} adults, ${s.children} children</dd><dt>Room</dt><dd>${ROOMS.find((r) => r.id === s.room)?.name ?? "not chosen"}</dd><dt>Total</dt><dd>${price() ? money(price()) : "—"}</dd></dl></aside>`;
const HOUSE = [["How do we find you?", "Follow the harbour wall to its end; the blue door is ours. The bus stops at the lighthouse, four minutes away."], ["When is breakfast?", "From half past seven until ten, in the room with the long table."], ["May we bring a dog?", "One dog a room, on a lead in the house. We keep a basket and a bowl."], ["Is there a lift?", "No. The quay double and the garden twin are on the ground floor."], ["Can we leave our bags?", "Yes, before noon and after you leave, in the porch cupboard."]];
const faq = () => `<section class="Faq_root__m2Ty5" aria-label="Questions"><h2>Good to know</h2>${HOUSE.map(([q, a], n) => `<details class="Faq_item__k8Wd3" data-question="${n}"><summary class="Faq_question__e6Rb9"><span>${q}</span>${icon("chevron")}</summary><div class="Faq_answer__c4Xz7"><p>${a}</p></div></details>`).join("")}</section>`;
function render() {
  const stage = [when, rooms, details, thanks][s.stage - 1]();
  $("#booking-root").innerHTML = `<div class="Layout_root__q6Zn2"><header class="Layout_header__a9Mb4"><div class="wrap row"><a href="/" class="Layout_brand__u3Ke8">The Quay House</a><nav aria-label="Main"><ul class="row">${["Rooms", "Kitchen", "The town", "Contact"].map((t) => `<li><a href="#${t.toLowerCase().replace(" ", "-")}" class="Nav_link__x1Sp7" tabindex="0">${t}</a></li>`).join("")}</ul></nav></div></header>
<ol class="Progress_root__f5Jo0 wrap row" aria-label="Progress">${["Dates", "Room", "Details", "Done"].map((t, n) => `<li class="Progress_item__g8Vc6 ${n + 1 < s.stage ? "is-done" : ""}" ${n + 1 === s.stage ? 'aria-current="step"' : ""}>${t}</li>`).join("")}</ol><main class="wrap row" id="main">${stage}${summary()}</main>${faq()}<footer class="Layout_footer__d2Hx3"><p>The Quay House, 1 Lighthouse Walk, Port Merrow. Dogs welcome, gulls tolerated.</p><div hidden id="tracking" data-stage="${s.stage}"></div></footer></div>`;
}
function day(key) {
  if (!s.from || s.to || key <= s.from) { s.from = key; s.to = ""; } else s.to = key;
  s.problem = "";
  render();
}
function toRooms() { s.problem = nights() ? "" : "Please choose the day you arrive and the day you leave."; if (!s.problem) s.stage = 2; render(); }
function remember() { const form = $("#guest"); for (const name of ["guest-name", "guest-mail", "guest-phone", "arrival", "wishes"]) s.guest[name] = form.elements.namedItem(name).value; }
function setExtra(key, on) { s.extras = on ? [...s.extras, key] : s.extras.filter((e) => e !== key); render(); }
function confirmBooking(event) {
  event.preventDefault();
  remember();
  s.problem = s.guest["guest-name"] && s.guest["guest-mail"].includes("@") ? "" : "Please give your name and an email address.";
  if (!s.problem) s.stage = 4;
  render();
}
render();
