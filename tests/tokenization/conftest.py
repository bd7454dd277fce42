"""Both vocabularies, ours and in two other implementations, and every line of the corpus."""

import pytest
from tokenizers import Tokenizer
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from spanbert_teach.corpus import SPLITS, course_documents
from spanbert_teach.paths import data_path
from spanbert_teach.tokenization import WordPieceTokenizer

from .peers import MINILM, VOCABULARIES, peer_of


@pytest.fixture(scope="module", params=VOCABULARIES)
def both(request) -> tuple[WordPieceTokenizer, Tokenizer]:
    tokenizer = WordPieceTokenizer.load(*VOCABULARIES[request.param])
    return tokenizer, peer_of(tokenizer)


@pytest.fixture(scope="module")
def corpus_lines() -> list[str]:
    return [
        paragraph
        for wikipedia in (False, True)
        for split in SPLITS
        for document in course_documents(split, wikipedia=wikipedia)
        for paragraph in document.paragraphs
    ]


@pytest.fixture(scope="module")
def legacy(both) -> BertTokenizerLegacy:
    """The Python original of transformers, over the same vocabulary."""
    tokenizer, _ = both
    path = MINILM if tokenizer.lowercase else data_path("vocab.txt")
    original = BertTokenizerLegacy(str(path), do_lower_case=tokenizer.lowercase)
    assert len(original) == len(tokenizer)  # transformers falls back to a tiny vocabulary silently
    return original
