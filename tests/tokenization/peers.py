"""Our tokenizer and its peer: the same vocabulary in `tokenizers`, and what both say."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from spanbert_teach.checkpoints.places import minilm
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer

VOCABULARIES = ("course", "minilm")


def vocabulary_file(name: str) -> Path:
    """The vocab.txt of one of `VOCABULARIES`; says how to get MiniLM's where it is missing."""
    return data_path("vocab.txt") if name == "course" else minilm() / "vocab.txt"


def peer_of(tokenizer: WordPieceTokenizer) -> Tokenizer:
    """The same vocabulary in the `tokenizers` library, which is how larger corpora are read."""
    peer = Tokenizer(
        models.WordPiece(tokenizer.vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    )
    peer.normalizer = normalizers.BertNormalizer(lowercase=tokenizer.lowercase)
    peer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    peer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    peer.decoder = decoders.WordPiece(cleanup=False)
    peer.add_special_tokens(list(SPECIAL_TOKENS))
    return peer


def word_starts_of(encoding) -> list[bool]:
    """True where the peer begins another word."""
    words = list(zip(encoding.sequence_ids, encoding.word_ids, strict=True))
    before = [(None, None), *words]
    return [w != b and w[1] is not None for w, b in zip(words, before, strict=False)]


def everything(encoding) -> dict:
    """All fields of an encoding, ours or the peer's, under our names."""
    ours = hasattr(encoding, "word_starts")
    return {
        "ids": encoding.ids,
        "tokens": encoding.tokens,
        "offsets": encoding.offsets,
        "word_starts": encoding.word_starts if ours else word_starts_of(encoding),
        "segment_ids": encoding.segment_ids if ours else encoding.type_ids,
        "attention_mask": encoding.attention_mask,
        "sequence_ids": encoding.sequence_ids,
    }
