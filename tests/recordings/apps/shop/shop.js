// A shop: every path loads the same page, which renders itself from the path and from sessionStorage.
const sheet = document.head.appendChild(document.createElement("style"));
sheet.dataset.emotion = "css";
const known = new Set();
// A class as CSS-in-JS libraries make them: a hash of the rules, added to a style element when first used.
const c = (name, rules) => {
  const id = "css-" + hash(name + rules);
  if (!known.has(id)) {
    known.add(id);
    sheet.append(`.${id}{${rules}}`);
  }
  return id;
};

const PRODUCTS = [
  ["enamel-mug", "Enamel mug, speckled grey", "kitchen", 1250, 4.6, true, "A light mug that survives the campsite and the dishwasher."],
  ["oak-board", "Oak chopping board", "kitchen", 3400, 4.8, true, "End-grain oak with a groove for juices."],
  ["linen-towel", "Linen tea towel, set of two", "kitchen", 1800, 4.3, true, "Washed linen that dries glasses without fluff."],
  ["cast-pan", "Cast iron pan, 24 cm", "kitchen", 4200, 4.9, true, "Seasoned twice, ready for the first omelette."],
  ["pour-kettle", "Gooseneck kettle", "kitchen", 5600, 4.1, false, "Pours slowly and exactly."],
  ["spice-rack", "Wall spice rack", "kitchen", 2700, 3.9, true, "Holds eighteen jars in three rows."],
  ["desk-lamp", "Hinged desk lamp, brass", "study", 6900, 4.7, true, "Two hinges, one warm bulb, no hum."],
  ["note-book", "Dotted notebook, A5", "study", 950, 4.4, true, "Lies flat, 192 pages, two ribbons."],
  ["pen-tray", "Walnut pen tray", "study", 2200, 4.2, true, "A place for pens, clips and one rubber."],
  ["wall-clock", "Quiet wall clock", "study", 3900, 4.0, true, "Sweeping hand, no ticking."],
  ["book-ends", "Steel bookends, pair", "study", 1600, 4.5, true, "Heavy enough for dictionaries."],
  ["wool-throw", "Wool throw, moss green", "living", 7900, 4.8, true, "Woven wide enough for two."],
  ["floor-pillow", "Floor cushion", "living", 4500, 3.8, false, "Firm buckwheat filling."],
  ["plant-pot", "Terracotta pot with saucer", "living", 1400, 4.6, true, "Breathes, and ages well."],
  ["candle-set", "Beeswax candles, six", "living", 2100, 4.7, true, "Burn for seven hours each."],
  ["coat-hook", "Row of coat hooks", "hall", 2900, 4.3, true, "Five forged hooks on an ash rail."],
  ["door-mat", "Coir door mat", "hall", 2500, 4.1, true, "Takes the mud off any boot."],
  ["umbrella", "Storm umbrella", "hall", 3600, 4.4, true, "Fibreglass ribs that bend and come back."],
].map(([id, name, room, price, rating, stock, text]) => ({ id, name, room, price, rating, stock, text }));
const ROOMS = { kitchen: "Kitchen", study: "Study", living: "Living room", hall: "Hall" };
const SORTS = { featured: "Featured", cheap: "Price, low to high", dear: "Price, high to low", rated: "Best rated" };
const COLOURS = ["Natural", "Slate", "Moss"];
const find = (id) => PRODUCTS.find((p) => p.id === id);

const view = { sort: "featured", stock: false, price: "any", thumb: 0, colour: "Natural", quantity: 1, open: "", error: "" };
const cart = () => load("cart", []);
const wishes = () => load("wishes", []);
const total = () => cart().reduce((sum, line) => sum + find(line.id).price * line.quantity, 0);

const stars = (rating) =>
  `<span class="stars ${c("stars", "display:inline-flex")}" role="img" aria-label="Rated ${rating} of 5">` +
  [1, 2, 3, 4, 5].map((n) => icon("star", n <= Math.round(rating) ? "is-full" : "is-empty")).join("") + `</span>`;

const header = () => `
<div class="banner ${c("banner", "font-size:13px")}">Free delivery from €40.00 <span class="pill">this week</span></div>
<header class="${c("header", "border-bottom:1px solid #ddd")} site-header" role="banner">
 <div class="wrap row ${c("bar", "align-items:center")}">
  <a href="/" class="logo ${c("logo", "font-weight:700")}" data-testid="logo" aria-label="Hearth and Hook home">Hearth &amp; Hook</a>
  <nav class="${c("nav", "flex:1")}" aria-label="Rooms"><ul class="row ${c("list", "list-style:none;margin:0")}">
   ${Object.entries(ROOMS).map(([id, name]) => `
   <li class="nav-item ${c("item", "position:relative")}" data-room="${id}" onmouseenter="openMenu(this)" onmouseleave="closeMenu(this)">
    <a href="/rooms/${id}" class="${c("link", "padding:6px 10px;display:block")}" data-testid="nav-${id}" aria-haspopup="true">${name}${icon("chevron", c("chev", "width:12px"))}</a>
    <div class="mega ${c("mega", "min-width:220px")}" role="menu" aria-label="${name}">
     ${PRODUCTS.filter((p) => p.room === id).slice(0, 4).map((p) => `<a class="${c("mega-link", "display:block;padding:4px")}" role="menuitem" href="/products/${p.id}" data-testid="menu-${p.id}">${esc(p.name)}</a>`).join("")}
    </div>
   </li>`).join("")}
  </ul></nav>
  <form class="${c("search", "position:relative")}" role="search" action="/search" method="get">
   <label class="visually-hidden" for="q">Search the shop</label>
   <input id="q" name="q" type="search" placeholder="Search" autocomplete="off" value="${esc(new URLSearchParams(location.search).get("q") ?? "")}" data-testid="search-box">
   <button type="submit" aria-label="Search" data-testid="search-go">${icon("search")}</button>
  </form>
  <a href="/cart" class="${c("cart", "display:inline-flex")}" data-testid="cart-link" aria-label="Cart, ${cart().length} items">${icon("cart")}<span class="badge" data-count="${cart().length}">${cart().length}</span></a>
 </div>
</header>`;

const footer = () => `
<footer class="${c("footer", "background:#f3f1ec;margin-top:40px")}"><div class="wrap row">
 ${[["Help", ["Delivery", "Returns", "Care of wood", "Contact"]], ["About", ["Our workshop", "Makers", "Journal"]], ["Legal", ["Terms", "Privacy", "Imprint"]]].map(([title, links]) => `
 <section class="${c("foot", "flex:1")}"><h2 class="${c("foot-h", "font-size:14px")}">${title}</h2><ul>${links.map((l) => `<li class="${c("foot-li", "margin:2px 0")}"><a href="/pages/${l.toLowerCase().replaceAll(" ", "-")}">${l}</a></li>`).join("")}</ul></section>`).join("")}
</div></footer>`;

const cookies = () => load("consent", "") ? "" : `
<div class="cookie ${c("cookie", "box-shadow:0 -2px 8px #0003")}" role="dialog" aria-label="Cookies" data-testid="cookie-bar">
 <p class="${c("cookie-p", "margin:0 0 8px")}">We keep one cookie for your cart. May we count visits as well?</p>
 <button type="button" class="btn ${c("btn", "padding:6px 12px")}" data-testid="cookie-no" onclick="consent('necessary')">Only necessary</button>
 <button type="button" class="btn ${c("btn", "padding:6px 12px")} btn--primary" data-testid="cookie-yes" onclick="consent('all')">Accept all</button>
</div>`;

const card = (p) => `
<article class="card ${c("card", "position:relative;background:#fff")}" data-testid="card-${p.id}" data-sku="HH-${hash(p.id).toUpperCase()}" data-price="${p.price}">
 <button type="button" class="wish ${c("wish", "position:absolute;right:6px;top:6px")}" aria-pressed="${wishes().includes(p.id)}" aria-label="Save ${esc(p.name)}" data-testid="wish-${p.id}" onclick="wish('${p.id}')">${icon("heart")}</button>
 <a href="/products/${p.id}" class="${c("card-a", "display:block")}"><picture><source srcset="/img/${p.id}@2x.svg 2x" type="image/svg+xml"><img src="/img/${p.id}.svg" alt="${esc(p.name)}" loading="lazy" width="160" height="120"></picture>
 <h3 class="${c("card-h", "font-size:15px;margin:6px 0")}">${esc(p.name)}</h3></a>
 <div class="${c("card-row", "display:flex;justify-content:space-between")}">${stars(p.rating)}<span class="price ${c("price", "font-weight:600")}" itemprop="price">${money(p.price)}</span></div>
 <button type="button" class="btn ${c("add", "width:100%;margin-top:6px")}" data-testid="add-${p.id}" data-action="add" data-id="${p.id}" ${p.stock ? "" : "disabled"}>${p.stock ? "Add to cart" : "Sold out"}</button>
</article>`;

const listed = (items) => {
  let shown = items.filter((p) => (!view.stock || p.stock) && (view.price === "any" || p.price <= Number(view.price)));
  if (view.sort === "cheap") shown = shown.toSorted((a, b) => a.price - b.price);
  if (view.sort === "dear") shown = shown.toSorted((a, b) => b.price - a.price);
  if (view.sort === "rated") shown = shown.toSorted((a, b) => b.rating - a.rating);
  return shown;
};

const catalogue = (title, items) => `
<main id="main" class="wrap ${c("main", "min-height:600px")}"><h1 class="${c("h1", "font-size:26px")}">${esc(title)}</h1>
<div class="row"><aside class="${c("aside", "width:200px;flex:none")}" aria-label="Filters"><form onsubmit="return false" class="filters">
 <fieldset class="${c("fs", "border:0;padding:0")}"><legend>Price</legend>
 ${[["any", "Any"], ["2000", "Up to €20"], ["4000", "Up to €40"]].map(([v, t]) => `<label class="${c("lab", "display:block")}"><input type="radio" name="price" value="${v}" data-testid="price-${v}" ${view.price === v ? "checked" : ""} onchange="view.price=this.value;render()"><span class="${c("lab-t", "margin-left:6px")}">${t}</span></label>`).join("")}</fieldset>
 <label class="${c("lab", "display:block")}"><input type="checkbox" name="stock" data-testid="in-stock" ${view.stock ? "checked" : ""} onchange="view.stock=this.checked;render()"><span class="${c("lab-t", "margin-left:6px")}">In stock only</span></label>
 </form></aside>
 <section class="${c("results", "flex:1")}"><div class="row ${c("tools", "justify-content:space-between")}"><p data-testid="count">${listed(items).length} things</p>
 <label>Sort by <select name="sort" data-testid="sort" onchange="view.sort=this.value;render()">${Object.entries(SORTS).map(([v, t]) => `<option value="${v}" ${view.sort === v ? "selected" : ""}>${t}</option>`).join("")}</select></label></div>
 <div class="grid ${c("grid", "margin-top:8px")}">${listed(items).map(card).join("")}</div></section></div></main>`;

const product = (p) => `
<main id="main" class="wrap ${c("main", "min-height:600px")}" itemscope itemtype="http://schema.org/Product">
<nav aria-label="Breadcrumb"><ol class="row ${c("crumbs", "list-style:none;padding:0")}"><li><a href="/">Home</a></li><li><a href="/rooms/${p.room}">${ROOMS[p.room]}</a></li><li aria-current="page">${esc(p.name)}</li></ol></nav>
<div class="row"><div class="${c("gallery", "width:420px")}"><img src="/img/${p.id}-${view.thumb}.svg" alt="${esc(p.name)}, view ${view.thumb + 1}" width="400" height="300">
 <div class="row">${[0, 1, 2].map((n) => `<button type="button" class="${c("thumb", "padding:0;border:1px solid #ccc")} ${view.thumb === n ? "is-active" : ""}" aria-label="View ${n + 1}" data-testid="thumb-${n}" onclick="view.thumb=${n};render()"><img src="/img/${p.id}-${n}.svg" alt="" width="60" height="45"></button>`).join("")}</div></div>
<div class="${c("info", "flex:1")}"><h1 itemprop="name" class="${c("h1", "font-size:26px")}">${esc(p.name)}</h1><p>${stars(p.rating)} <a href="#reviews">3 reviews</a></p><p class="price ${c("big", "font-size:22px")}">${money(p.price)}</p><p itemprop="description">${esc(p.text)}</p>
 <div role="radiogroup" aria-label="Colour" class="row">${COLOURS.map((k) => `<label class="${c("swatch", "border:1px solid #ccc;padding:4px 8px")}"><input type="radio" name="colour" value="${k}" data-testid="colour-${k.toLowerCase()}" ${view.colour === k ? "checked" : ""} onchange="view.colour=this.value;render()"> ${k}</label>`).join("")}</div>
 <div class="${c("qty", "margin:10px 0")}"><button type="button" aria-label="Fewer" data-testid="qty-minus" ${view.quantity === 1 ? "disabled" : ""} onclick="view.quantity--;render()">${icon("minus")}</button><output data-testid="qty">${view.quantity}</output><button type="button" aria-label="More" data-testid="qty-plus" onclick="view.quantity++;render()">${icon("plus")}</button></div>
 <button type="button" class="btn btn--primary ${c("buy", "padding:10px 24px")}" data-testid="buy" data-action="add" data-id="${p.id}" ${p.stock ? "" : "disabled"}>${p.stock ? "Add to cart" : "Sold out"}</button>
 ${["Care", "Delivery", "Material"].map((t) => `<div class="accordion ${c("acc", "border-top:1px solid #ddd")}"><h2 class="${c("acc-h", "font-size:15px;margin:0")}"><button type="button" aria-expanded="${view.open === t}" data-testid="acc-${t.toLowerCase()}" onclick="view.open=view.open==='${t}'?'':'${t}';render()">${t}${icon("chevron")}</button></h2><div class="${c("acc-b", "padding:6px")}" ${view.open === t ? "" : "hidden"}><p>${t} of the ${esc(p.name.toLowerCase())}: made to be used daily, repaired when needed, and sent in paper, never in foil.</p></div></div>`).join("")}</div></div>
<section id="reviews" class="${c("rev", "margin-top:20px")}"><h2>Reviews</h2>${[["Ines", "Exactly what I was after. It looks better than in the pictures."], ["Tom", "Solid, a bit heavier than expected, would buy again."], ["Aroha", "Arrived two days early and well packed."]].map(([who, say], n) => `<article class="review ${c("rv", "padding:6px 0")}" data-review-id="r${n}"><header>${stars(5 - n)}<strong>${who}</strong></header><p>${say}</p></article>`).join("")}</section>
<section><h2>Goes well with it</h2><div class="grid">${PRODUCTS.filter((o) => o.room === p.room && o.id !== p.id).slice(0, 4).map(card).join("")}</div></section></main>`;

const basket = () => `
<main id="main" class="wrap ${c("main", "min-height:600px")}"><h1 class="${c("h1", "font-size:26px")}">Your cart</h1>
${cart().length ? `<div class="row"><table class="cart-table ${c("table", "flex:1")}" aria-label="Cart"><thead><tr><th scope="col">Thing</th><th scope="col">Colour</th><th scope="col">Quantity</th><th scope="col">Price</th><th scope="col"><span class="visually-hidden">Remove</span></th></tr></thead><tbody>
${cart().map((l) => `<tr data-line="${l.id}"><td class="${c("td", "padding:6px")}"><a href="/products/${l.id}">${esc(find(l.id).name)}</a></td><td>${l.colour}</td><td><input type="number" min="1" max="20" name="quantity-${l.id}" aria-label="Quantity of ${esc(find(l.id).name)}" value="${l.quantity}" onchange="setQuantity('${l.id}',this.value)"></td><td>${money(find(l.id).price * l.quantity)}</td><td><button type="button" aria-label="Remove ${esc(find(l.id).name)}" data-testid="remove-${l.id}" onclick="removeLine('${l.id}')">${icon("trash")}</button></td></tr>`).join("")}</tbody></table>
<aside class="${c("sum", "width:280px")}" aria-label="Summary"><dl class="${c("dl", "display:grid;grid-template-columns:1fr auto")}"><dt>Things</dt><dd>${money(total())}</dd><dt>Voucher</dt><dd>${load("voucher", "") ? "−" + money(Math.round(total() / 10)) : "none"}</dd><dt>Delivery</dt><dd>${total() >= 4000 ? "free" : money(490)}</dd></dl>
<form onsubmit="applyVoucher(event)"><label for="voucher">Voucher code</label><input id="voucher" name="voucher" value="${esc(load("voucher", ""))}" ${view.error ? 'aria-invalid="true"' : ""}><button type="submit" data-testid="voucher-go">Apply</button>${view.error ? `<p role="alert" class="error">${esc(view.error)}</p>` : ""}</form>
<a class="btn btn--primary ${c("go", "display:block;padding:10px;background:#2b5c4a;color:#fff")}" href="/checkout" data-testid="checkout">Go to checkout</a></aside></div>` : `<p data-testid="empty">Your cart is empty. <a href="/">Look around</a></p>`}
<section class="${c("saved", "margin-top:24px")}"><h2>Saved for later</h2>${wishes().length ? `<div class="grid">${wishes().map((id) => card(find(id))).join("")}</div>` : "<p>Nothing saved.</p>"}</section>
<section><h2>Often bought together</h2><div class="grid">${PRODUCTS.filter((p) => p.stock && !wishes().includes(p.id)).slice(-4).map(card).join("")}</div></section></main>`;

const field = (name, label, type = "text", extra = "") => `<div class="field ${c("field", "margin:8px 0")}"><label for="f-${name}" class="${c("fl", "display:block;font-size:13px")}">${label}</label><input id="f-${name}" name="${name}" type="${type}" ${extra} class="${c("fi", "width:100%;padding:6px")}" aria-describedby="h-${name}"><small id="h-${name}" class="hint"></small></div>`;
const checkout = () => `
<main id="main" class="wrap ${c("main", "min-height:600px")}"><h1 class="${c("h1", "font-size:26px")}">Checkout</h1><ol class="steps row ${c("steps", "list-style:none;padding:0")}"><li class="is-done">Cart</li><li aria-current="step">Details</li><li>Done</li></ol>
<form id="checkout" class="row" novalidate onsubmit="order(event)"><div class="${c("col", "flex:1")}"><fieldset><legend>Contact</legend>${field("name", "Full name", "text", 'autocomplete="name"')}${field("email", "Email", "email", 'autocomplete="email"')}</fieldset>
<fieldset><legend>Delivery address</legend>${field("street", "Street and number")}${field("postcode", "Postcode")}${field("city", "City")}<div class="field"><label for="f-country">Country</label><select id="f-country" name="country">${["Please choose", "Austria", "Belgium", "Denmark", "Ireland", "Netherlands", "Portugal"].map((k, n) => `<option value="${n ? k : ""}">${k}</option>`).join("")}</select></div></fieldset></div>
<div class="${c("col", "flex:1")}"><fieldset><legend>Delivery</legend>${[["standard", "Standard, 3 to 5 days", "€4.90"], ["express", "Express, next day", "€9.90"], ["pickup", "Pick up in the workshop", "free"]].map(([v, t, k], n) => `<label class="${c("lab", "display:block")}"><input type="radio" name="delivery" value="${v}" ${n ? "" : "checked"}> ${t} <em>${k}</em></label>`).join("")}</fieldset>
<fieldset><legend>Extras</legend><label><input type="checkbox" name="gift" onchange="document.getElementById('gift-note').hidden=!this.checked"> This is a gift</label><div id="gift-note" hidden><label for="note">Gift note</label><textarea id="note" name="note" rows="3" maxlength="200"></textarea></div><label class="${c("lab", "display:block")}"><input type="checkbox" name="terms" onchange="document.getElementById('place').disabled=!this.checked"> I have read the <a href="/pages/terms">terms</a></label></fieldset>
<input type="hidden" name="csrf" value="${hash("csrf") + hash("token") + hash("shop")}"><p class="${c("tot", "font-size:18px")}">Total: <strong>${money(total())}</strong></p><button id="place" type="submit" class="btn btn--primary ${c("buy", "padding:10px 24px")}" data-testid="place-order" disabled>Place order</button><p id="problem" role="alert" class="error"></p></div></form>
<ul class="${c("lines", "color:#666")}">${cart().map((l) => `<li>${l.quantity} × ${esc(find(l.id).name)}, ${l.colour}</li>`).join("")}</ul></main>`;

const done = () => `<main id="main" class="wrap ${c("main", "min-height:600px")}"><div class="${c("thanks", "text-align:center")}">${icon("check", "big")}<h1>Thank you, ${esc(load("customer", "you"))}!</h1><p>Your order <strong data-testid="order-number">HH-${hash(JSON.stringify(load("ordered", []))).slice(0, 5).toUpperCase()}</strong> is on its way to the packing table.</p><a href="/" data-testid="continue">Continue shopping</a></div></main>`;

function page() {
  const [first, second] = location.pathname.split("/").filter(Boolean);
  if (first === "rooms") return catalogue(ROOMS[second], PRODUCTS.filter((p) => p.room === second));
  if (first === "products") return product(find(second));
  if (first === "cart") return basket();
  if (first === "checkout") return checkout();
  if (first === "done") return done();
  if (first === "pages") return `<main id="main" class="wrap"><h1>${esc(second)}</h1><p>We answer letters within two working days.</p></main>`;
  if (first === "search") {
    const q = (new URLSearchParams(location.search).get("q") ?? "").toLowerCase();
    return catalogue(`Results for “${q}”`, PRODUCTS.filter((p) => (p.name + p.text).toLowerCase().includes(q)));
  }
  return catalogue("Everything for the house", PRODUCTS.filter((p) => p.stock).slice(0, 12));
}
function render() { $("#app").innerHTML = header() + page() + footer() + cookies(); }

function toast(text) { $("#toast").textContent = text; $("#toast").classList.remove("hidden"); }
function openMenu(li) { li.classList.add("is-open"); }
function closeMenu(li) { li.classList.remove("is-open"); }
function consent(kind) { save("consent", kind); track("consent", { kind }); render(); }
function wish(id) { save("wishes", wishes().includes(id) ? wishes().filter((w) => w !== id) : [...wishes(), id]); render(); }
function add(id) {
  const lines = cart();
  const line = lines.find((l) => l.id === id);
  if (line) line.quantity += view.quantity;
  else lines.push({ id, quantity: view.quantity, colour: view.colour });
  save("cart", lines);
  render();
  toast(`${find(id).name} is in your cart.`);
}
function setQuantity(id, text) { save("cart", cart().map((l) => (l.id === id ? { ...l, quantity: Math.max(1, Number(text) || 1) } : l))); render(); }
function removeLine(id) { save("cart", cart().filter((l) => l.id !== id)); render(); toast("Removed."); }
function applyVoucher(event) {
  event.preventDefault();
  const code = event.target.voucher.value.trim();
  view.error = code === "HOOK10" ? "" : `We do not know the code ${code}.`;
  if (!view.error) save("voucher", code);
  render();
}
function order(event) {
  event.preventDefault();
  const form = event.target;
  const missing = ["name", "email", "street", "postcode", "city", "country"].filter((k) => !form[k].value);
  if (missing.length) { $("#problem").textContent = "Please fill in: " + missing.join(", ") + "."; return; }
  save("ordered", cart());
  save("customer", form.elements.namedItem("name").value.split(" ")[0]);
  save("cart", []);
  location.href = "/done";
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action=add]");
  if (button) add(button.dataset.id);
});
render();
