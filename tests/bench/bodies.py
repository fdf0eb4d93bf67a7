"""The bodies the upstream serves: invented customers as JSON, the same bytes for the same seed."""
import json
import random

WORDS = "order shipped late invoice paid twice asked for a refund moved house wants a call back on monday".split()
FIRST = "Ada Bela Chen Dana Emre Fatou Goran Hana Ines Jonas".split()
LAST = "Abel Brandt Costa Dietz Engel Faure Gruber Haas".split()


def card_number(rnd):
    """Sixteen digits whose check digit is right, as a detector of card numbers wants them."""
    digits = [4] + [rnd.randrange(10) for _ in range(14)]
    doubled = (sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return "".join(map(str, digits)) + str(-sum(doubled) % 10)


def customer(rnd, number):
    first, last = rnd.choice(FIRST), rnd.choice(LAST)
    return {
        "id": number,
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "ssn": f"{rnd.randrange(100, 665)}-{rnd.randrange(10, 99)}-{rnd.randrange(1000, 9999)}",
        "credit_card": card_number(rnd),
        "address": {"street": f"{rnd.randrange(1, 200)} Mill Lane", "city": "Springfield",
                    "zip": f"{rnd.randrange(10000, 99999)}"},
        "balance": round(rnd.uniform(0, 9999), 2),
        "active": rnd.random() < 0.5,
        "note": " ".join(rnd.choice(WORDS) for _ in range(10)) + (' "urgent"' if number % 8 == 0 else ""),
    }


def body(size):
    """A JSON text of exactly `size` bytes: as many whole customers as fit, then a text that fills it up."""
    rnd = random.Random(size)
    head, tail = '{"customers":[', '],"filler":"%s"}'
    records, used = [], len(head) + len(tail % "")
    while True:
        text = json.dumps(customer(rnd, len(records) + 1), separators=(",", ":"))
        if used + len(text) + 1 > size:
            break
        records.append(text)
        used += len(text) + 1
    text = head + ",".join(records)
    return text + tail % ("x" * (size - len(text) - len(tail % "")))
