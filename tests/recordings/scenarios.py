"""What the recorder does in our web applications: objectives and their steps, varied by a seed and
nothing else.

A scenario names its elements by CSS in the live page; ``work >> #save`` looks inside the frame with
the id ``work``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

HOSTS = {
    "shop": "shop.example",
    "tracker": "tracker.test",
    "booking": "rooms.booking.example.net",
    "ledger": "books.ledger.example.org",
    "library": "library.invalid",
}
TOPICS = {
    "shop": "Shopping",
    "tracker": "Software",
    "booking": "Travel",
    "ledger": "Accounting",
    "library": "Culture",
}
PEOPLE = (
    "Ann Lee",
    "Marek Dvořák",
    "Leila Osei",
    "Tobias Falk",
    "Rosa Quinn",
    "Ivo Anders",
    "Nia Bramwell",
)
TOWNS = (
    ("1071", "Amstelveld"),
    ("4020", "Lindau"),
    ("D02", "Ballymore"),
    ("8000", "Aabenraa"),
    ("1200", "Santa Luz"),
)
COUNTRIES = ("Austria", "Belgium", "Denmark", "Ireland", "Netherlands", "Portugal")


@dataclass(frozen=True, slots=True)
class Do:
    """One action to perform: ``kind``, the element's CSS in the live page (empty: none), the value,
    a description.
    """

    kind: str
    at: str = ""
    value: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One workflow to record; ``path`` is where it starts, ``reward`` is 1.0 when its objective is
    reached.
    """

    workflow_id: str
    app: str
    objective: str
    path: str
    steps: tuple[Do, ...]
    reward: float

    @property
    def host(self) -> str:
        """The host name that the recording's URLs show."""
        return HOSTS[self.app]


Plot = tuple[str, str, list[Do]]
"""Objective, starting path, steps."""


def click(at: str, label: str) -> Do:
    """A click described by the label of what is clicked."""
    return Do("click", at, description=f'Click "{label}"')


def write(at: str, value: str, label: str) -> Do:
    """Typing that replaces what the field holds."""
    return Do("type", at, value, f'Type "{value}" in the {label} field')


def choose(at: str, value: str, label: str) -> Do:
    """An option of a ``select`` element, by its text."""
    return Do("select", at, value, f'Choose "{value}" in the {label} list')


def press(key: str, at: str = "") -> Do:
    """A key; without an element it goes to the page."""
    return Do("press", at, key, f"Press {key}")


def scroll(pixels: int) -> Do:
    """A scroll of the page, which has no element."""
    return Do("scroll", value=str(pixels), description=f"Scroll {'down' if pixels > 0 else 'up'}")


def a(noun: str) -> str:
    """The noun with its article."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def testid(name: str) -> str:
    """The CSS of an element with this ``data-testid``."""
    return f'[data-testid="{name}"]'


THINGS = {
    "enamel-mug": "enamel mug",
    "oak-board": "oak chopping board",
    "cast-pan": "cast iron pan",
    "desk-lamp": "brass desk lamp",
    "note-book": "dotted notebook",
    "wool-throw": "green wool throw",
    "plant-pot": "terracotta pot",
    "coat-hook": "row of coat hooks",
}
ROOM_OF = {
    "enamel-mug": "kitchen",
    "oak-board": "kitchen",
    "cast-pan": "kitchen",
    "desk-lamp": "study",
}
ROOM_OF |= {
    "note-book": "study",
    "wool-throw": "living",
    "plant-pot": "living",
    "coat-hook": "hall",
}


def shop_order(random: Random) -> Plot:
    """Buy one thing and fill in the whole checkout."""
    thing = random.choice(sorted(THINGS))
    person, (postcode, town), country = (
        random.choice(PEOPLE),
        random.choice(TOWNS),
        random.choice(COUNTRIES),
    )
    mail = person.split()[0].lower() + "@post.example"
    objective = random.choice(
        (
            f"Order one {THINGS[thing]} for {person} and have it sent to {town}, {country}",
            (
                f"I need {a(THINGS[thing])} delivered to {person} in {town} ({country}), please "
                f"place the order"
            ),
            f"Buy the {THINGS[thing]} and check out as {person}",
        )
    )
    steps = [
        click(testid("buy"), "Add to cart"),
        click(testid("cart-link"), "Cart"),
        click(testid("checkout"), "Go to checkout"),
        write("#f-name", person, "Full name"),
        write("#f-email", mail, "Email"),
        write("#f-street", f"{random.randint(2, 98)} Mill Lane", "Street and number"),
        write("#f-postcode", postcode, "Postcode"),
        write("#f-city", town, "City"),
        choose("#f-country", country, "Country"),
        click('input[name="terms"]', "I have read the terms"),
        click(testid("place-order"), "Place order"),
    ]
    return objective, f"/products/{thing}", steps


def shop_menu(random: Random) -> Plot:
    """Find a thing through the menu that opens on hover."""
    thing = random.choice(("enamel-mug", "oak-board", "cast-pan", "desk-lamp", "note-book"))
    room, colour = ROOM_OF[thing], random.choice(("Slate", "Moss"))
    objective = random.choice(
        (
            f"Put two {THINGS[thing]}s in {colour.lower()} into my cart",
            f"Add a pair of {colour.lower()} {THINGS[thing]}s to the cart but don't check out yet",
        )
    )
    steps = [
        click(testid("cookie-no"), "Only necessary"),
        Do("hover", testid(f"nav-{room}"), description=f"Move the mouse over {room.capitalize()}"),
        click(testid(f"menu-{thing}"), THINGS[thing].capitalize()),
        click(testid(f"colour-{colour.lower()}"), colour),
        click(testid("qty-plus"), "More"),
        click(testid("buy"), "Add to cart"),
        click(testid("cart-link"), "Cart"),
    ]
    return objective, "/", steps


def shop_search(random: Random) -> Plot:
    """Search, sort, narrow down, save one."""
    word, thing = random.choice(
        (("oak", "oak-board"), ("notebook", "note-book"), ("pot", "plant-pot"))
    )
    objective = random.choice(
        (
            f'Search for "{word}", show the cheapest first and save the {THINGS[thing]} for later',
            f"Find {a(THINGS[thing])} with the search and put it on my wish list",
        )
    )
    steps = [
        write("#q", word, "Search"),
        press("Enter", "#q"),
        choose(testid("sort"), "Price, low to high", "Sort by"),
        click(testid("in-stock"), "In stock only"),
        scroll(600),
        click(testid("cookie-yes"), "Accept all"),
        click(testid(f"wish-{thing}"), "Save for later"),
        click(testid("cart-link"), "Cart"),
    ]
    return objective, "/", steps


def shop_voucher(random: Random) -> Plot:
    """Mistype a voucher, correct it, change the quantity."""
    thing, many = random.choice(sorted(THINGS)), str(random.randint(3, 6))
    wrong = random.choice(("HOOK01", "HOK10", "HOOK 10"))
    objective = random.choice(
        (
            f"Get {many} of the {THINGS[thing]} with the voucher HOOK10",
            f"Use my voucher HOOK10 on {many} {THINGS[thing]}s",
        )
    )
    steps = [
        click(testid("thumb-1"), "View 2"),
        click(testid("buy"), "Add to cart"),
        Do("navigate", value="http://shop.example/cart", description="Go to the cart"),
        write("#voucher", wrong, "Voucher code"),
        click(testid("voucher-go"), "Apply"),
        write("#voucher", "HOOK10", "Voucher code"),
        click(testid("voucher-go"), "Apply"),
        write(f'input[name="quantity-{thing}"]', many, "Quantity"),
    ]
    return objective, f"/products/{thing}", steps


def shop_sold_out(random: Random) -> Plot:
    """Try to buy what is sold out, look around, give up."""
    thing, name, room = random.choice(
        (
            ("pour-kettle", "gooseneck kettle", "kitchen"),
            ("floor-pillow", "floor cushion", "living"),
        )
    )
    steps = [
        Do("click", testid(f"add-{thing}"), description=f"Click the button below the {name}"),
        scroll(400),
        click(f"{testid(f'card-{thing}')} h3", name.capitalize()),
        click(testid("acc-delivery"), "Delivery"),
        click(testid("buy"), "Sold out"),
    ]
    return (
        random.choice((f"Order {a(name)}", f"Please get me one {name} as soon as possible")),
        f"/rooms/{room}",
        steps,
    )


ISSUES = (
    (
        "Lamps flicker when the fan starts",
        "Every lamp on the second floor flickers for a moment.",
        "bug",
        "high",
    ),
    ("Explain how to reset a lamp", "The manual only says how to add one.", "docs", "low"),
    (
        "Loading a scene takes five seconds",
        "It was instant before the last update.",
        "speed",
        "high",
    ),
    ("Show the battery of remote switches", "A small icon in the list would do.", "idea", "normal"),
)
OPEN = (
    (118, "Lamp list is empty after sorting by room"),
    (115, "Start-up takes nine seconds with forty lamps"),
    (112, "Schedule runs twice when summer time begins"),
    (108, "Search ignores accents"),
)
COMMENTS = (
    "I can reproduce this on two machines.",
    "Fixed on the main branch, please try it.",
    "Which version do you use?",
    "This is the same cause as last month, I think.",
)


def tracker_new(random: Random) -> Plot:
    """Write an issue, first forgetting its title."""
    title, text, label, priority = random.choice(ISSUES)
    objective = random.choice(
        (
            f'Open a new issue "{title}" with the label {label} and {priority} priority',
            f"Report this to the Lantern project as a {label} issue, priority {priority}: {title}",
        )
    )
    steps = [
        click('[data-qa="new-issue"]', "New issue"),
        click('[data-qa="submit"]', "Create issue"),
        write("#title", title, "Title"),
        write("#body", text, "What happens?"),
        choose("#priority", priority, "Priority"),
        click(f'input[name="label"][value="{label}"]', label),
        click('[data-qa="submit"]', "Create issue"),
    ]
    return objective, "/", steps


def tracker_comment(random: Random) -> Plot:
    """Comment on an issue and close it."""
    (number, title), text = random.choice(OPEN), random.choice(COMMENTS)
    objective = random.choice(
        (
            f'Comment "{text}" on issue {number} and close it',
            f'Close "{title}" after leaving the comment: {text}',
        )
    )
    steps = [
        write("#filter", title.split()[0], "Filter by title"),
        click(f'a[href="/issues/{number}"]', title),
        click('[data-qa="send"]', "Comment"),
        write("#reply", text, "Add a comment"),
        click('[data-qa="send"]', "Comment"),
        scroll(300),
        click('[data-qa="toggle"]', "Close issue"),
    ]
    return objective, "/", steps


def tracker_assign(random: Random) -> Plot:
    """Give an issue to somebody through a dropdown made of divs."""
    number, title = random.choice(OPEN[:2])
    login, name = random.choice(
        (("noor", "Noor Haddad"), ("mira", "Mira Kovač"), ("jun", "Jun Okafor"))
    )
    objective = random.choice(
        (
            f"Assign issue {number} to {name} and make it urgent",
            f'{name} should look at "{title}", set the priority to urgent too',
        )
    )
    steps = [
        click("#menu-label", "Any label"),
        click(f'a[href="/issues/{number}"]', title),
        press("Escape"),
        click(f'a[href="/issues/{number}"]', title),
        click("#menu-who", "Who"),
        click(f'[data-pick="who"][data-value="{login}"]', name),
        choose('select[name="priority"]', "urgent", "Priority"),
    ]
    return objective, "/", steps


def tracker_label(random: Random) -> Plot:
    """Filter by label and close all that are listed."""
    label = random.choice(("bug", "speed", "idea"))
    steps = [
        click("#menu-label", "Any label"),
        click(f'[data-pick="label"][data-value="{label}"]', label),
        click("#menu-sort", "Newest"),
        click('[data-pick="sort"][data-value="oldest"]', "Oldest"),
        click('input[aria-label="Pick all"]', "Pick all"),
        click('[data-qa="close-picked"]', "Close them"),
        click("#tab-closed", "Closed"),
    ]
    return (
        random.choice(
            (
                f'Close all open issues labelled "{label}"',
                f"We are done with every {label} issue, close them",
            )
        ),
        "/",
        steps,
    )


def tracker_give_up(random: Random) -> Plot:
    """Look for an issue that does not exist and stop."""
    word = random.choice(("thermostat", "blinds"))
    steps = [
        write("#filter", word, "Filter by title"),
        click("#tab-all", "All"),
        write("#filter", word[:5], "Filter by title"),
        press("c"),
        Do("go_back", description="Go back"),
    ]
    return f"Find the issue about the {word} and reopen it", "/", steps


MONTHS = (("April", "2031-04", 0), ("May", "2031-05", 1), ("June", "2031-06", 2))
HOTEL_ROOMS = {"attic": "Attic room", "quay": "Quay double", "garden": "Garden twin"}


def dates(month: int, first: int, last: int) -> list[Do]:
    """The clicks that choose two days, turning the calendar's page before."""
    turn = [click('button[aria-label="Month after"]', "Month after")] * MONTHS[month][2]
    days = [
        Do("click", f'[data-date="{MONTHS[month][1]}-{d:02}"]', "", f"Choose day {d}")
        for d in (first, last)
    ]
    return [*turn, *days]


def booking_plain(random: Random) -> Plot:
    """Book a room with a name and an email address."""
    month, first = random.randrange(3), random.choice((16, 18, 19))
    last, person = first + random.choice((2, 4)), random.choice(PEOPLE)
    room = random.choice(sorted(HOTEL_ROOMS))
    objective = random.choice(
        (
            (
                f"Book the {HOTEL_ROOMS[room].lower()} from {first} to {last} {MONTHS[month][0]} "
                f"2031 for {person}"
            ),
            (
                f"{person} wants to stay {last - first} nights from {MONTHS[month][0]} {first}, "
                f"{HOTEL_ROOMS[room]} please"
            ),
        )
    )
    steps = [
        *dates(month, first, last),
        click('[data-next="rooms"]', "Show rooms"),
        click(f'button[aria-label="Choose {HOTEL_ROOMS[room]}"]', "Choose"),
        write("#guest-name", person, "Name"),
        write("#guest-mail", person.split()[0].lower() + "@mail.example", "Email"),
        click('[data-next="confirm"]', "Book"),
    ]
    return objective, "/", steps


def booking_family(random: Random) -> Plot:
    """Book for a family: steppers, extras, a wish."""
    first, person = random.choice((16, 18)), random.choice(PEOPLE)
    extra, label = random.choice(
        (("dog", "A basket for the dog"), ("breakfast", "Breakfast"), ("parking", "Parking"))
    )
    wish = random.choice(
        (
            "A cot for the baby, please.",
            "We arrive by the last ferry.",
            "No feathers in the pillows.",
        )
    )
    steps = [
        *dates(0, first, first + 3),
        click('[data-step="children-plus"]', "More children"),
        click('[data-next="rooms"]', "Show rooms"),
        click('button[aria-label="Choose Family suite"]', "Choose"),
        click(f'input[name="extra"][value="{extra}"]', label),
        write("#guest-name", person, "Name"),
        write("#guest-mail", "family@mail.example", "Email"),
        choose("#arrival", random.choice(("Early evening", "Late evening")), "Arrival"),
        write("#wishes", wish, "Wishes"),
        click('[data-next="confirm"]', "Book"),
    ]
    objective = (
        f"Reserve the family suite for {person}, two adults and a child, {first} April "
        "2031, three nights, with "
    )
    return objective + label.lower(), "/", steps


def booking_trouble(random: Random) -> Plot:
    """Click what is not possible (a taken day, a room too small), then do it right."""
    person, first = random.choice(PEOPLE), random.choice((17, 18))
    steps = [
        click('[data-next="rooms"]', "Show rooms"),
        Do("click", '[data-date="2031-04-15"]', "", "Choose day 15"),
        Do("click", f'[data-date="2031-04-{first}"]', "", f"Choose day {first}"),
        Do("click", f'[data-date="2031-04-{first + 2}"]', "", f"Choose day {first + 2}"),
        click('[data-step="adults-plus"]', "More adults"),
        click('[data-next="rooms"]', "Show rooms"),
        Do(
            "click",
            'button[aria-label="Choose Attic room"]',
            "",
            'Click "Too small" of the attic room',
        ),
        click('button[aria-label="Choose Family suite"]', "Choose"),
        click('input[name="rate"][value="saver"]', "Saver"),
        write("#guest-name", person, "Name"),
        write("#guest-mail", "three@mail.example", "Email"),
        press("Enter", "#guest-mail"),
    ]
    return (
        random.choice(
            ("Book the cheapest room for three adults", f"Find {person} a room for three")
        ),
        "/",
        steps,
    )


LEDGER_CUSTOMERS = (
    "Alder & Finch Ltd",
    "Bramble Bakery",
    "Copper Lane School",
    "Dunmore Boats",
    "Elmside Clinic",
)
WORK = (
    ("Oak shelves", "4", "120.50"),
    ("Window repair", "1", "340"),
    ("Counter top", "2", "410"),
    ("Stairs", "12", "75"),
)


def ledger_new(random: Random) -> Plot:
    """Write an invoice with one or two lines."""
    who, (text, count, price) = random.choice(LEDGER_CUSTOMERS), random.choice(WORK)
    vat = random.choice(("0", "10"))
    objective = random.choice(
        (
            f"Write an invoice to {who}: {count} x {text.lower()} at {price} euro, {vat}% VAT",
            f"Bill {who} for {text.lower()} ({count} pieces, {price} each, VAT {vat} percent)",
        )
    )
    steps = [
        click("#nav_new", "New invoice"),
        click("work >> #save", "Save"),
        choose("work >> #customer", who, "Customer"),
        write('work >> input[name="text_0"]', text, "Text"),
        write('work >> input[name="count_0"]', count, "Count"),
        write('work >> input[name="price_0"]', price, "Price"),
        click(f'work >> input[name="vat"][value="{vat}"]', f"{vat}%"),
        click("work >> #save", "Save"),
    ]
    return objective, "/", steps


def ledger_paid(random: Random) -> Plot:
    """Find invoices and mark them as paid."""
    first, second = random.choice((("1043", "1047"), ("1044", "1045"), ("1045", "1048")))
    state = "overdue" if first == "1043" else "sent"
    steps = [
        click("work >> #mark_paid", "Mark as paid"),
        choose("work >> #state_filter", state, "State"),
        click(f"work >> #check_invoice_{first}", f"Select invoice {first}"),
        click(f"work >> #check_invoice_{second}", f"Select invoice {second}"),
        click("work >> #mark_paid", "Mark as paid"),
        choose("work >> #state_filter", "paid", "State"),
    ]
    return (
        random.choice(
            (
                f"Invoices {first} and {second} were paid today, mark them",
                f"Set {first} and {second} to paid",
            )
        ),
        "/",
        steps,
    )


def ledger_note(random: Random) -> Plot:
    """Open an invoice and leave a work note."""
    number = random.choice(("1044", "1046", "1048"))
    note = random.choice(
        ("Customer asked for two more weeks.", "Sent again by post.", "Agreed on the phone.")
    )
    steps = [
        click("#bell", "Notices"),
        write("work >> #list_q", number, "Customer or number"),
        click("work >> #list_go", "Find"),
        click(f'work >> a[aria-label="Open invoice {number}"]', f"INV{number}"),
        write("work >> #work_note", note, "Work note"),
        click("work >> #save_note", "Save note"),
        click("work >> #back", "Back to the list"),
    ]
    return (
        random.choice(
            (f'Add the note "{note}" to invoice {number}', f"Please note on INV{number}: {note}")
        ),
        "/",
        steps,
    )


def ledger_remind(random: Random) -> Plot:
    """Remind a customer of what is overdue."""
    who = "Bramble Bakery"
    steps = [
        click("#nav_customers", "Customers"),
        click(f'work >> a[aria-label="Invoices of {who}"]', "Invoices"),
        choose("work >> #state_filter", "overdue", "State"),
        Do("double_click", "work >> #sort_sum", "", 'Double-click "Sum"'),
        click("work >> #check_invoice_1043", "Select invoice 1043"),
        click("work >> #check_invoice_1047", "Select invoice 1047"),
        click("work >> #remind", "Send reminder"),
    ]
    return (
        random.choice((f"Send {who} a reminder for everything overdue", f"Remind {who} to pay")),
        "/",
        steps,
    )


def library_hold(random: Random) -> Plot:
    """Search for a book and hold it."""
    word, book, title = random.choice(
        (("moon", "b7", "Moon Gardens"), ("salt", "b1", "The Salt Road North"))
    )
    place = random.choice(("harbour branch", "book bus"))
    steps = [
        write("#q", word, "Title, author or subject"),
        click('input[name="in"]', "on the shelf"),
        click("#find", "Find"),
        click(f"#hit-{book} a", title),
        click('button[name="go"]', "Hold it"),
        choose('select[name="place"]', place, "Collect at"),
        click('button[name="go"]', "Hold it"),
    ]
    return (
        random.choice(
            (f'Hold "{title}" for me at the {place}', f"I'd like to collect {title} at the {place}")
        ),
        "/",
        steps,
    )


def library_loans(random: Random) -> Plot:
    """Renew loans, of which one cannot be renewed."""
    steps = [
        click("#loans", "My loans"),
        click('button[value="b4"]', "Renew"),
        click('button[value="b9"]', "Renew"),
        click('button[value="b10"]', "Renew"),
    ]
    return random.choice(("Renew all the books I have out", "Extend my three loans")), "/", steps


def library_ask(random: Random) -> Plot:
    """Ask the librarians something."""
    card = str(random.randint(20000, 99999))
    question = random.choice(
        (
            "Do you lend board games?",
            "Can I print in the harbour branch?",
            "Who repairs old bindings?",
        )
    )
    steps = [
        click("#ask", "Ask us"),
        write("#card", card, "Card number"),
        write("#question", question, "Your question"),
        click('button[name="send"]', "Send"),
    ]
    return (
        random.choice(
            (
                f'Ask the library: "{question}" My card is {card}',
                f"Find out: {question} (card {card})",
            )
        ),
        "/",
        steps,
    )


def library_list(random: Random) -> Plot:
    """Put books on the reading list and take one off again."""
    author, keep, drop = random.choice(
        (("Anselm Duarte", "b4", "b8"), ("Priya Lindqvist", "b10", "b3"))
    )
    steps = [
        choose('select[name="by"]', "author", "Search in"),
        write("#q", author, "Title, author or subject"),
        press("Enter", "#q"),
        click(f"#hit-{keep} button", "Put on my list"),
        click(f"#hit-{drop} button", "Put on my list"),
        click("#reading-list", "Reading list"),
        click(f'button[name="drop"][value="{drop}"]', "Remove"),
    ]
    return f"Put one book by {author} that can be borrowed now on my reading list", "/", steps


PLOTS: dict[str, tuple[tuple[Callable[[Random], Plot], int, float], ...]] = {
    "shop": (
        (shop_order, 4, 1.0),
        (shop_menu, 4, 1.0),
        (shop_search, 3, 1.0),
        (shop_voucher, 3, 1.0),
        (shop_sold_out, 2, 0.0),
    ),
    "tracker": (
        (tracker_new, 4, 1.0),
        (tracker_comment, 3, 1.0),
        (tracker_assign, 3, 1.0),
        (tracker_label, 2, 1.0),
        (tracker_give_up, 1, 0.0),
    ),
    "booking": ((booking_plain, 5, 1.0), (booking_family, 3, 1.0), (booking_trouble, 2, 1.0)),
    "ledger": (
        (ledger_new, 4, 1.0),
        (ledger_paid, 3, 1.0),
        (ledger_note, 3, 1.0),
        (ledger_remind, 2, 1.0),
    ),
    "library": (
        (library_hold, 2, 1.0),
        (library_loans, 1, 0.0),
        (library_ask, 2, 1.0),
        (library_list, 2, 1.0),
    ),
}
"""For each app: a plot, how many variations of it, and the reward they end with."""


def scenarios() -> Iterator[Scenario]:
    """All scenarios, app by app, the plots of an app in turn; no objective twice."""
    for app, plots in PLOTS.items():
        turns = [
            (plot, reward) for turn in range(9) for plot, times, reward in plots if turn < times
        ]
        objectives: set[str] = set()
        for number, (plot, reward) in enumerate(turns, start=1):
            workflow_id = f"{app}-{number:02}"
            # Never ends if a plot is asked for more variations than it has; each has many more.
            drawn = (plot(Random(f"{workflow_id} {attempt}")) for attempt in count())
            objective, path, steps = next(one for one in drawn if one[0] not in objectives)
            objectives.add(objective)
            yield Scenario(workflow_id, app, objective, path, tuple(steps), reward)
