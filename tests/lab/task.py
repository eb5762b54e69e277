"""A task that a model of 0.7 million parameters can learn: name so many things of a kind, and not two certain
ones. A rule says what is right.
"""

import re
from random import Random

THINGS = {
    "birds": ["wren", "robin", "finch", "heron", "crane", "swift", "eagle", "raven"],
    "trees": ["oak", "ash", "elm", "birch", "maple", "cedar", "willow", "pine"],
    "fruits": ["apple", "pear", "plum", "cherry", "grape", "lemon", "melon", "fig"],
    "metals": ["iron", "gold", "silver", "copper", "zinc", "tin", "lead", "nickel"],
    "tools": ["saw", "axe", "file", "plane", "drill", "chisel", "hammer", "pliers"],
    "colours": ["red", "blue", "green", "brown", "black", "white", "grey", "pink"],
    "rivers": ["rhine", "danube", "elbe", "oder", "loire", "rhone", "tagus", "volga"],
    "dishes": ["soup", "stew", "pie", "salad", "curry", "risotto", "omelette", "porridge"],
}
ASKED = re.compile(r"name (\d) (\w+) without (\w+) or (\w+)")


def prompts(seed: int) -> list[str]:
    """All 1,344 prompts there are, in an order of the seed's."""
    found = [
        f"name {count} {kind} without {one} or {other}"
        for kind, names in THINGS.items()
        for count in (2, 3, 4)
        for one in names
        for other in names
        if one != other
    ]
    Random(f"prompts/{seed}").shuffle(found)
    return found


def answer(prompt: str, rng: Random, wrong: float = 0.0) -> str:
    """A right answer; with probability `wrong` one that breaks the rule: too many, too few, or a thing that
    is not wanted.
    """
    count, kind, *but = asked(prompt)
    names = [name for name in THINGS[kind] if name not in but]
    chosen = rng.sample(names, count)
    if rng.random() < wrong:
        fault = rng.choice(["unwanted", "too few", "too many"])
        if fault == "unwanted":
            chosen[rng.randrange(len(chosen))] = rng.choice(but)
        elif fault == "too few":
            chosen.pop()
        else:
            chosen.append(rng.choice([name for name in names if name not in chosen]))
    return " ".join(chosen)


def asked(prompt: str) -> tuple[int, str, str, str]:
    count, kind, one, other = ASKED.fullmatch(prompt).groups()
    return int(count), kind, one, other


def faults(prompt: str, text: str) -> int:
    """How many things are too many or too few, named twice, of another kind, or not wanted."""
    count, kind, *but = asked(prompt)
    names = text.split()
    return (
        abs(len(names) - count)
        + len(names)
        - len(set(names))
        + sum(name not in THINGS[kind] or name in but for name in names)
    )


def right(prompt: str, text: str) -> bool:
    return faults(prompt, text) == 0
