"""WordPiece: text to pieces and back, and the vocabulary behind it. Lesson `01_tokenization`.

    tokenizer = load_tokenizer()
    tokenizer.encode("The Isthmus of Panama").tokens

- `steps`: BERT's rules, letter by letter: what the lesson builds;
- `training`: where a vocabulary comes from;
- `tokenizer`: the rules together, fast; `[CLS] ... [SEP]`, pairs, truncation, windows; `vocab.txt`.
"""

from spanbert_teach.tokenization.steps import (
    LONGEST_WORD,
    SPECIAL_TOKENS,
    UNKNOWN,
    AddedToken,
    category,
    is_punctuation,
    match_longest,
    split_words,
)
from spanbert_teach.tokenization.tokenizer import (
    Encoding,
    WordPieceTokenizer,
    load_tokenizer,
    read_vocabulary,
    window_starts,
)
from spanbert_teach.tokenization.training import (
    PairTable,
    count_words,
    train_tokenizer,
    train_vocabulary,
)

__all__ = [
    "LONGEST_WORD",
    "SPECIAL_TOKENS",
    "UNKNOWN",
    "AddedToken",
    "Encoding",
    "PairTable",
    "WordPieceTokenizer",
    "category",
    "count_words",
    "is_punctuation",
    "load_tokenizer",
    "match_longest",
    "read_vocabulary",
    "split_words",
    "train_tokenizer",
    "train_vocabulary",
    "window_starts",
]
