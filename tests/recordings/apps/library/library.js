// A town library: small pages, plain forms sent with GET, hardly any classes.
const BOOKS = [
  ["b1", "The Salt Road North", "Ottoline Marsh", 2019, "Travel", 3], ["b2", "Bees Without Borders", "Fergus Tan", 2024, "Nature", 1],
  ["b3", "A Short Walk to the Moon", "Priya Lindqvist", 2021, "Science", 0], ["b4", "Bread for Beginners", "Anselm Duarte", 2016, "Cooking", 2],
  ["b5", "The Harbour at Night", "Ottoline Marsh", 2023, "Novels", 0], ["b6", "Knots and Their Uses", "Wren Abara", 2011, "Crafts", 4],
  ["b7", "Moon Gardens", "Sol Petrie", 2022, "Nature", 2], ["b8", "Soups of Eleven Rivers", "Anselm Duarte", 2020, "Cooking", 1],
  ["b9", "The Clockmaker's Apprentice", "Hana Voss", 2018, "Novels", 2], ["b10", "Reading the Night Sky", "Priya Lindqvist", 2015, "Science", 1],
].map(([id, title, author, year, subject, copies]) => ({ id, title, author, year, subject, copies }));
const query = new URLSearchParams(location.search);
const LOANS = [["b9", "2031-03-28", 0], ["b4", "2031-03-30", 2], ["b10", "2031-04-02", 1]];
const head = () => `<header><p><a href="/" id="home">Town library</a> | <a href="/?view=loans" id="loans">My loans</a> | <a href="/?view=list" id="reading-list">Reading list (${load("list", []).length})</a> | <a href="/?view=ask" id="ask">Ask us</a></p><form action="/" method="get" role="search"><label for="q">Title, author or subject</label> <input id="q" name="q" value="${esc(query.get("q") ?? "")}"> <select name="by" aria-label="Search in">${["anything", "title", "author", "subject"].map((b) => `<option ${query.get("by") === b ? "selected" : ""}>${b}</option>`).join("")}</select> <label><input type="checkbox" name="in" value="1" ${query.get("in") ? "checked" : ""}> on the shelf</label> <button id="find">Find</button></form><hr></header>`;
const SUBJECTS = ["Novels", "Travel", "Nature", "Science", "Cooking", "Crafts"];
const BRANCHES = [["Main desk", "Market Square 2", "10 to 18", "10 to 20", "10 to 14"], ["Harbour branch", "Net Loft", "12 to 18", "12 to 18", "closed"], ["Book bus", "on the road", "see the stops", "see the stops", "closed"]];
const foot = () => `<footer><hr><h2>By subject</h2><p>${SUBJECTS.map((t) => `<a href="/?q=${t}&by=subject" rel="index" title="Every book under ${t}">${t}</a>`).join(" &middot; ")}</p><h2>By letter</h2><p>${[..."ABCDEFGHIJKLMNOPRSTVW"].map((t) => `<a href="/?q=${t}&by=title" title="Titles with ${t}">${t}</a>`).join(" ")}</p><h2>When we are open</h2><table border="1" cellpadding="3" summary="Opening hours"><thead><tr><th>Branch</th><th>Where</th><th>Tuesday to Thursday</th><th>Friday</th><th>Saturday</th></tr></thead><tbody>${BRANCHES.map((b) => `<tr>${b.map((t) => `<td align="left">${t}</td>`).join("")}</tr>`).join("")}</tbody></table><p><small>Late books cost nothing, lost books cost a cake.</small></p></footer>`;
const matches = (b) => {
  const q = (query.get("q") ?? "").toLowerCase();
  const by = query.get("by") ?? "anything";
  return (by === "anything" ? [b.title, b.author, b.subject] : [b[by]]).some((t) => t.toLowerCase().includes(q)) && (!query.get("in") || b.copies);
};
const results = () => {
  const found = BOOKS.filter(matches);
  return `<h1>${found.length} found</h1><ol>${found.map((b) => `<li id="hit-${b.id}"><h2><a href="/?book=${b.id}">${b.title}</a></h2><p>${b.author}, ${b.year}. <i>${b.subject}</i>. ${b.copies ? b.copies + " on the shelf" : "all out"}</p><button name="keep" value="${b.id}" onclick="keepBook('${b.id}')" ${load("list", []).includes(b.id) ? "disabled" : ""}>${load("list", []).includes(b.id) ? "On your list" : "Put on my list"}</button></li>`).join("")}</ol>`;
};
const book = (b) => `<h1>${b.title}</h1><table><tbody><tr><th scope="row">Author</th><td><a href="/?q=${encodeURIComponent(b.author)}&by=author">${b.author}</a></td></tr><tr><th scope="row">Year</th><td>${b.year}</td></tr><tr><th scope="row">Subject</th><td>${b.subject}</td></tr><tr><th scope="row">Copies in</th><td>${b.copies}</td></tr></tbody></table>${load("hold", "") === b.id ? `<p role="status">We will hold it for you at the ${load("place", "")}.</p>` : `<form id="hold" onsubmit="hold(event,'${b.id}')"><fieldset><legend>Hold this book</legend><label>Collect at <select name="place"><option value="">choose a branch</option><option>main desk</option><option>harbour branch</option><option>book bus</option></select></label><p><label><input type="radio" name="tell" value="letter" checked> tell me by letter</label> <label><input type="radio" name="tell" value="message"> by message</label></p><p id="hold-problem" role="alert"></p><button name="go">Hold it</button></fieldset></form>`}`;
const loans = () => `<h1>My loans</h1><table aria-label="Loans"><thead><tr><th>Book</th><th>Due</th><th></th></tr></thead><tbody>${LOANS.map(([id, due, times]) => `<tr data-loan="${id}"><td>${BOOKS.find((b) => b.id === id).title}</td><td>${load("renewed", []).includes(id) ? "two weeks later" : due}</td><td><button name="renew" value="${id}" onclick="renew('${id}')" ${times > 1 || load("renewed", []).includes(id) ? "disabled" : ""}>Renew</button></td></tr>`).join("")}</tbody></table>`;
const reading = () => `<h1>Reading list</h1><ul>${load("list", []).map((id) => `<li>${BOOKS.find((b) => b.id === id).title} <button name="drop" value="${id}" onclick="dropBook('${id}')">Remove</button></li>`).join("")}</ul>`;
const ask = () => `<h1>Ask us</h1>${load("asked", "") ? `<p role="status">Thank you. We answer within two days.</p>` : `<form onsubmit="asked(event)"><p><label for="card">Card number</label> <input id="card" name="card"></p><p><label for="question">Your question</label><br><textarea id="question" name="question" rows="4" cols="50"></textarea></p><button name="send">Send</button></form>`}`;
const home = () => `<h1>Good day</h1><p>Ten books were chosen for you this week.</p><ul>${BOOKS.slice(0, 4).map((b) => `<li><a href="/?book=${b.id}">${b.title}</a></li>`).join("")}</ul>`;
function draw() {
  const one = BOOKS.find((b) => b.id === query.get("book"));
  const body = one ? book(one) : query.has("q") ? results() : { loans, list: reading, ask }[query.get("view")]?.() ?? home();
  $("#top").innerHTML = head() + `<main id="content">${body}</main>` + foot();
}
function keepBook(id) { save("list", [...load("list", []), id]); draw(); }
function dropBook(id) { save("list", load("list", []).filter((b) => b !== id)); draw(); }
function renew(id) { save("renewed", [...load("renewed", []), id]); draw(); }
function asked(event) { event.preventDefault(); save("asked", event.target.question.value); draw(); }
function hold(event, id) {
  event.preventDefault();
  if (!event.target.place.value) { $("#hold-problem").textContent = "Please choose where to collect it."; return; }
  save("place", event.target.place.value);
  save("hold", id);
  draw();
}
draw();
