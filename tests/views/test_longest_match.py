"""The view of lesson 01: what it records, how it follows a search, what bad functions get."""

import json
from collections.abc import Mapping

import pytest
from asking import ask
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.tokenization import LONGEST_WORD, load_tokenizer, match_longest
from spanbert_teach.views.longest_match import LONGEST_TEXT, LongestMatchView, static_html
from spanbert_teach.views.longest_match_state import (
    MOST_LOOKUPS,
    RecordingVocabulary,
    longest_match,
    place,
)

VOCABULARY = load_tokenizer().vocabulary
SMALL = {"[UNK]": 0, "a": 1, "ab": 2, "##a": 3, "##b": 4, "##ba": 5, "##ab": 6, "#": 7, "###": 8}
WORDS = st.text("abc#", min_size=1, max_size=12)


def texts(shown: dict) -> list[tuple[str, bool]]:
    """The look-ups as the browser rebuilds them."""
    word = shown["word"]
    return [
        (text or ("##" if start else "") + word[start:end], found)
        for start, end, found, text in shown["lookups"]
    ]


def tokens(shown: dict) -> list[str]:
    return [piece["token"] for piece in shown["pieces"]]


def shortest_first(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return None
        pieces.append(piece)
        start = end
    return pieces


def all_then_longest(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        marks = "##" if start else ""
        found = [e for e in range(start + 1, len(word) + 1) if marks + word[start:e] in vocabulary]
        if not found:
            return None
        pieces.append(marks + word[start : found[-1]])
        start = found[-1]
    return pieces


def without_marks(word, vocabulary):
    pieces = []
    while word:
        end = next((e for e in range(len(word), 0, -1) if word[:e] in vocabulary), None)
        if end is None:
            return None
        pieces.append(word[:end])
        word = word[end:]
    return pieces


def by_walking(word, vocabulary):
    pieces, rest = [], word
    while rest:
        known = [
            (p, p[2:] if pieces else p) for p in vocabulary if p.startswith("##") or not pieces
        ]
        fitting = [(len(part), p) for p, part in known if part and rest.startswith(part)]
        if not fitting:
            return None
        length, piece = max(fitting)
        pieces.append(piece)
        rest = rest[length:]
    return pieces


@given(WORDS)
def test_the_look_ups_replayed_give_the_pieces(word):
    shown = longest_match(word, SMALL)
    asked = texts(shown)
    assert all(found == (text in SMALL) for text, found in asked)
    assert all(start >= 0 and not text for start, _, _, text in shown["lookups"]), "all placed"
    replayed = [text for text, found in asked if found]  # what is found first is taken
    pieces = match_longest(word, SMALL)
    if pieces is None:
        assert shown["unknown"] == SMALL["[UNK]"] and tokens(shown) == replayed
        assert "[UNK]" in shown["result"]
    else:
        assert shown["unknown"] is None and tokens(shown) == replayed == pieces
        assert "".join([pieces[0], *(piece[2:] for piece in pieces[1:])]) == word
        assert sum(p["last"] - p["first"] for p in shown["pieces"]) == len(asked)
    json.dumps(shown)


@given(WORDS)
def test_every_piece_is_the_longest(word):
    for number, piece in enumerate(longest_match(word, SMALL)["pieces"]):
        start, end = piece["start"], piece["end"]
        marks = "##" if number else ""
        assert piece["token"] == marks + word[start:end] and piece["id"] == SMALL[piece["token"]]
        longer = [marks + word[start:e] for e in range(end + 1, len(word) + 1)]
        assert not set(longer) & set(SMALL)
        assert piece["last"] - piece["first"] == len(longer) + 1


@given(WORDS, st.sampled_from([shortest_first, all_then_longest, without_marks, by_walking]))
def test_other_functions_are_followed(word, match):
    shown = longest_match(word, SMALL, match)
    answer = match(word, SMALL)
    if answer is not None and not shown["problem"]:
        assert tokens(shown) == answer
        ends = [piece["end"] for piece in shown["pieces"]]
        assert ends[-1] == len(word) and ends == sorted(ends)
    firsts = [edge for p in shown["pieces"] for edge in (p["first"], p["last"])]
    assert firsts == sorted(firsts)
    assert static_html(shown)


def test_another_function_shows_other_look_ups():
    greedy = longest_match("Voting", VOCABULARY)
    assert greedy["result"] == "Voting → V ##ot ##ing: 3 pieces, 11 look-ups."
    short = longest_match("Voting", VOCABULARY, shortest_first)
    assert [text for text, _ in texts(short)] == ["V", "##o", "##t", "##i", "##n", "##g"]
    every = longest_match("Voting", VOCABULARY, all_then_longest)
    assert tokens(every) == tokens(greedy) and texts(every) != texts(greedy)
    assert [(p["first"], p["last"]) for p in every["pieces"]] == [(0, 6), (6, 11), (11, 14)]
    assert texts(every)[:2] == [("V", True), ("Vo", False)]
    bare = longest_match("Voting", VOCABULARY, without_marks)
    assert "begins with “##”" in bare["problem"] and bare["lookups"][6][:2] == [1, 6]
    assert bare["lookups"][6][3] == "oting", "shown as it was asked"


def test_a_function_without_look_ups_still_shows_its_pieces():
    shown = longest_match("Voting", VOCABULARY, by_walking)
    assert tokens(shown) == ["V", "##ot", "##ing"] and shown["lookups"] == []
    assert "no look-up seen" in shown["result"] and shown["pieces"][1]["start"] == 1
    assert "no look-up seen" in longest_match("中", VOCABULARY, lambda w, v: None)["result"]


def test_a_vocabulary_can_be_used_in_other_ways():
    asked = RecordingVocabulary(SMALL)
    assert len(asked) == len(SMALL) and set(asked) == set(SMALL) and sorted(asked.values())[1] == 1
    assert dict(asked.items()) == SMALL and isinstance(asked, Mapping) and asked.asked == []
    assert "ab" in asked and asked["ab"] == 2 and asked.get("ab") == 2
    assert asked.asked == [("ab", True)], "to read the id of what was found is no new look-up"
    assert asked.get("x", -1) == -1 and "y" not in asked.keys()  # noqa: SIM118
    with pytest.raises(KeyError):
        asked["z"]
    assert asked.asked[1:] == [("x", False), ("y", False), ("z", False)]
    with pytest.raises(AttributeError):
        asked.clear()
    shown = longest_match("ab", set(SMALL))
    assert shown["pieces"][0]["token"] == "ab" and shown["pieces"][0]["id"] == -1
    assert longest_match("ab", set(SMALL), ids=SMALL)["pieces"][0]["id"] == 2


def test_where_a_look_up_is():
    assert place("aaa", "##a", [1, 0]) == (1, 2) and place("aaa", "aa", [1, 0]) == (0, 2)
    assert place("Voting", "oting", [1, 0]) == (1, 6) and place("Voting", "##Vo", [0]) == (0, 2)
    assert place("##", "##", [0]) == (0, 2) and place("a##", "####", [1]) == (1, 3)
    assert place("Voting", "x", [0]) is None and place("Voting", "", [0]) is None
    shown = longest_match("ab", SMALL, lambda w, v: ["ab"] if "zzz" in v or w in v else None)
    assert shown["lookups"] == [[-1, -1, False, "zzz"], [0, 2, True, ""]]


def fails(word, vocabulary):
    return [word in vocabulary, 1 / 0]


def never_ends(word, vocabulary):
    while True:
        try:
            found = word in vocabulary
        except Exception:
            found = False
        assert not found


def walks_without_end(word, vocabulary):
    while True:
        for _ in vocabulary.items():
            break


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (fails, "fails stopped with ZeroDivisionError: division by zero"),
        (never_ends, f"never_ends was stopped after {MOST_LOOKUPS:,} look-ups"),
        (walks_without_end, "walks_without_end was stopped: it went through the whole vocabulary"),
        (lambda w, v: w, "gave back 'zzz'; it should be a list of pieces, or None."),
        (lambda w, v: [1], "gave back [1]; it should be"),
        (lambda w, v: (p for p in v), "should be a list of pieces"),
        (lambda w, v: [], "gave back []; joined, that is not 'zzz'"),
        (lambda w, v: ["z", "##z"], "joined, that is not 'zzz'"),
        (lambda w, v: ["zzz", "##"], "joined, that is not 'zzz'"),
        (lambda w, v: ["z", "zz"], "every piece but the first begins with “##”"),
        (lambda w, v: ["zzz"], "gave back 'zzz', which is not in the vocabulary"),
        (lambda w, v: [[]] in v, "stopped with TypeError"),
        (lambda w: w, "stopped with TypeError"),
    ],
)
def test_a_bad_function_gives_a_message(match, said):
    shown = longest_match("zzz", SMALL, match)
    assert said in shown["problem"] and shown["result"] == "" and shown["unknown"] is None
    assert len(shown["lookups"]) <= MOST_LOOKUPS
    assert said.split("'")[0] in static_html(shown).replace("&#x27;", "'")
    assert "Traceback" not in repr(LongestMatchView(SMALL, ["zzz"], match=match))
    json.dumps(shown)


def test_too_long_a_word_is_not_searched():
    shown = longest_match("a" * (LONGEST_WORD + 1), SMALL)
    assert shown["lookups"] == [] and shown["unknown"] == 0
    assert "more than 100 letters is not searched" in shown["result"] and "101" in shown["result"]
    assert len(longest_match("c" * LONGEST_WORD, SMALL)["lookups"]) == LONGEST_WORD
    at_worst = longest_match("a" * LONGEST_WORD, {"a": 0, "##a": 1})
    assert len(at_worst["lookups"]) == 5_050 and len(json.dumps(at_worst)) < 200_000


def test_the_static_picture_escapes_text():
    page = static_html(longest_match("<script>&", {"<": 0, "##script>": 1, "##&": 2}))
    assert "<script>" not in page and "&lt;script&gt;" in page and "##&amp;" in page
    assert "style" not in page.replace('style="text-align:left"', "")


def test_the_view_takes_any_text():
    view = LongestMatchView(VOCABULARY, ["Voting", "Panama"])
    assert repr(view) == "LongestMatchView('Voting → V ##ot ##ing: 3 pieces, 11 look-ups.')"
    assert view.message == ""
    assert LongestMatchView(VOCABULARY, ["Voting"], word="Panama").shown["word"] == "Panama"
    for empty in ("", " \n"):
        ask(view, text=empty)
        assert "Type a word" in view.message and view.shown["lookups"] == []
    ask(view, text=" two words")
    assert "first word" in view.message and view.shown["word"] == "two"
    ask(view, text="don't")
    assert "3 words first, don ' t" in view.message
    for word in ("👩🏽", "中文", "e\u0301", "<script>", "##", "##a", "[MASK]", "\u200d", "\ud800"):
        ask(view, text=word)
        assert view.shown["result"], word
        assert json.dumps(view.shown, ensure_ascii=False).encode()
    ask(view, text="[MASK]")
    assert view.message == "" and view.shown["pieces"][0]["id"] == VOCABULARY["[MASK]"]
    ask(view, text="é" * 1_000_000)
    assert f"{LONGEST_TEXT:,}" in view.message and len(view.shown["letters"]) == LONGEST_TEXT


def test_the_bundle_has_a_static_picture_and_stable_text():
    first, second = (LongestMatchView(VOCABULARY, ["Voting"])._repr_mimebundle_()[0] for _ in "12")
    assert first["text/html"] == second["text/html"] and first["text/plain"] == second["text/plain"]
    assert "##oting" in first["text/html"] and "11 look-ups" in first["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in first
