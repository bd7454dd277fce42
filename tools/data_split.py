"""Near-duplicates, and the split into train, validation and test.

The measure: the share of a paragraph's 8-word shingles (lower-cased words and numbers, without
punctuation) that occur elsewhere. From half on, a paragraph is a near-duplicate.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

SHINGLE = 8
NEAR = 0.5
HELD_OUT = 0.05  # of the words of each source, for validation and again for test


@dataclass
class Draft:
    """A document on its way into the corpus; `group` documents share a split."""

    id: str
    title: str
    source: str
    year: int | None
    group: str
    paragraphs: list[str]

    def words(self) -> int:
        return sum(len(paragraph.split()) for paragraph in self.paragraphs)


def shingles(paragraph: str) -> set[int]:
    """Stable hashes of the runs of 8 words; of the whole paragraph when it is shorter."""
    words = re.findall(r"\w+", paragraph.lower())
    runs = (words[i : i + SHINGLE] for i in range(max(1, len(words) - SHINGLE + 1)))
    # Not hash(): it is salted anew in each process, and a collision would change the data.
    return {
        int.from_bytes(hashlib.blake2b(" ".join(run).encode(), digest_size=8).digest(), "big")
        for run in runs
    }


def share(paragraph: str, seen: set[int]) -> float:
    """The share of a paragraph's shingles that are in `seen`."""
    own = shingles(paragraph)
    return len(own & seen) / len(own)


def drop_repeats(drafts: Iterable[Draft]) -> Counter:
    """Drop each paragraph that is a near-duplicate of the text before it; dropped per source."""
    seen: set[int] = set()
    dropped: Counter = Counter()
    for draft in drafts:
        kept = []
        for paragraph in draft.paragraphs:
            if share(paragraph, seen) >= NEAR:
                dropped[draft.source] += 1
            else:
                kept.append(paragraph)
                seen |= shingles(paragraph)
        draft.paragraphs = kept
    return dropped


def join_groups(drafts: list[Draft]) -> int:
    """Give one group to documents of which a twentieth or more is shared; how many were joined."""
    parent = {draft.group: draft.group for draft in drafts}

    def root(group: str) -> str:
        while parent[group] != group:
            group = parent[group]
        return group

    own: dict[str, set[int]] = defaultdict(set)
    for draft in drafts:
        for paragraph in draft.paragraphs:
            own[draft.group] |= shingles(paragraph)
    holders: dict[int, list[str]] = defaultdict(list)
    for group in sorted(own):
        for shingle in own[group]:
            holders[shingle].append(group)
    shared: Counter = Counter()
    for groups in holders.values():
        # A phrase of many documents is boilerplate, not a sign that two of them are one.
        if 2 <= len(groups) <= 10:
            shared.update((a, b) for i, a in enumerate(groups) for b in groups[i + 1 :])
    for (a, b), count in sorted(shared.items()):
        if count >= 0.05 * min(len(own[a]), len(own[b])) and count >= 20:
            low, high = sorted((root(a), root(b)))
            parent[high] = low
    joined = sum(1 for group in parent if root(group) != group)
    for draft in drafts:
        draft.group = root(draft.group)
    return joined


def split(drafts: list[Draft]) -> dict[str, list[Draft]]:
    """About 90/5/5 by words: within a source, groups in the order of a hash of their name.

    A group of more than half of what a held-out part should get stays in train.
    """
    groups: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        groups[draft.group].append(draft)
    total: Counter = Counter()
    for group, members in groups.items():
        total[group.split("/")[0]] += sum(member.words() for member in members)
    target = {kind: HELD_OUT * words for kind, words in total.items()}
    filled: Counter = Counter()
    part_of = {}
    for group in sorted(groups, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        kind, size = group.split("/")[0], sum(member.words() for member in groups[group])
        part_of[group] = "train"
        for part in ("validation", "test"):
            if size <= 0.5 * target[kind] and filled[kind, part] + size <= 1.1 * target[kind]:
                part_of[group] = part
                filled[kind, part] += size
                break
    parts: dict[str, list[Draft]] = {"train": [], "validation": [], "test": []}
    for draft in drafts:
        parts[part_of[draft.group]].append(draft)
    return parts


def drop_leaks(parts: dict[str, list[Draft]]) -> int:
    """Drop held-out paragraphs that are near-duplicates of train, and test ones of validation.

    What is left is also checked the other way round, a short train paragraph inside a long
    held-out one: the held-out paragraph goes.
    """
    dropped = 0
    for part, others in (("validation", ["train"]), ("test", ["train", "validation"])):
        there = [p for other in others for draft in parts[other] for p in draft.paragraphs]
        seen = set().union(*map(shingles, there))
        own = set().union(*(shingles(p) for d in parts[part] for p in d.paragraphs))
        inside: set[int] = set()
        for paragraph in there:
            if share(paragraph, own) >= NEAR:
                inside |= shingles(paragraph) & own
        for draft in parts[part]:
            kept = [
                p for p in draft.paragraphs if share(p, seen) < NEAR and not shingles(p) & inside
            ]
            dropped += len(draft.paragraphs) - len(kept)
            draft.paragraphs = kept
    for part in parts:
        parts[part] = [draft for draft in parts[part] if draft.paragraphs]
    return dropped
