"""Plots of the booking site, the ledger and the library."""

from __future__ import annotations

from random import Random

from steps import PEOPLE, Do, Plot, choose, click, press, write

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
