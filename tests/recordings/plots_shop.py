"""Plots of the shop and of the tracker."""

from __future__ import annotations

from random import Random

from steps import COUNTRIES, PEOPLE, TOWNS, Do, Plot, a, choose, click, press, scroll, testid, write

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
