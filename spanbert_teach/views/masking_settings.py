"""The settings of the masking lab, and the library's options that they stand for."""

from dataclasses import replace

from spanbert_teach.masking import ARTICLE, OFFICIAL, PAPER, MaskOptions

PRESETS = {"official": OFFICIAL, "paper": PAPER, "article": ARTICLE}
SCHEMES = ("span", "subword", "word", "entity", "noun_phrase")
MISTAKES = {
    "none": {},
    "clip": {"length_law": "clip"},
    "piece": {"replacement": "piece"},
    "no_whole_words": {"whole_words": False},
    "mask_only": {"replacement": "mask"},
    "unlimited": {"length_law": "unlimited"},
}
# `paragraph` is the number of one of the lab's; -1: `text` is masked, the learner's own.
START = {"number": 0, "paragraph": 0, "text": "", "preset": "official", "scheme": "span", "p": 0.2}
START |= {"longest": 10, "budget": 15, "mistake": "none", "seed": 1, "more": 0}
LIMITS = {"longest": (1, 20), "budget": (1, 50), "seed": (0, 2**31 - 1)}


def clean(settings: dict) -> dict:
    """The settings with everything possible that a browser, or a person, may have sent."""
    known = START | {name: settings[name] for name in START if name in settings}
    for name, allowed in (("preset", PRESETS), ("scheme", SCHEMES), ("mistake", MISTAKES)):
        if known[name] not in allowed:
            known[name] = START[name]
    for name, (least, most) in LIMITS.items():
        known[name] = int(min(max(known[name], least), most))
    known["p"] = round(min(max(float(known["p"]), 0.05), 1.0), 2)
    if known["preset"] == "article":  # a rule of its own: no scheme or mistake goes with it
        known["scheme"], known["mistake"] = "span", "none"
    return known


def lab_options(settings: dict) -> MaskOptions:
    """The library's options for the lab's settings."""
    return replace(
        PRESETS[settings["preset"]],
        scheme=settings["scheme"],
        p=settings["p"],
        max_words=settings["longest"],
        budget=settings["budget"] / 100,
        **MISTAKES[settings["mistake"]],
    )


def reference_options(settings: dict) -> MaskOptions:
    """The rule that the lengths are compared with: the official one, or the paper's own."""
    preset = "paper" if settings["preset"] == "paper" else "official"
    return lab_options(settings | {"scheme": "span", "mistake": "none", "preset": preset})
