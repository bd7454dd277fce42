#!/bin/sh
# tokenizers 0.23.3: two added tokens that differ only in case, "<e1>" and "<E1>", in an uncased
# tokenizer. Both are accepted and get ids of their own. Both are also looked for in the text after
# its capitals are gone, so they are one pattern there, and which id a text gets is decided anew in
# each tokenizer object: the same script gives the same text other ids from object to object. One
# would have guessed: the first, the last, or an error. With normalized=False each is found as
# written, always.
# Prints "both ids seen: [1, 2]"; exits with another status than 0 when that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PYTHON'
from tokenizers import AddedToken, Tokenizer, __version__
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer


def ids_of(text, **options):
    tokenizer = Tokenizer(WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.add_tokens([AddedToken("<e1>", **options), AddedToken("<E1>", **options)])
    return tokenizer.encode(text).ids


found = [ids_of("<e1>") for _ in range(100)]
print("tokenizers", __version__)
print("both ids seen:", sorted({ids[0] for ids in found}))
assert sorted({ids[0] for ids in found}) == [1, 2]
assert {tuple(ids_of("<e1><E1>", normalized=False)) for _ in range(100)} == {(1, 2)}
PYTHON
