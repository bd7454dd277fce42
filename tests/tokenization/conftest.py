"""Both vocabularies, ours and in two other implementations, and every line of the corpus."""

import pytest
from tokenizers import Tokenizer
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from spanbert_teach.corpus import SPLITS, course_documents
from spanbert_teach.tokenization import WordPieceTokenizer

from .peers import VOCABULARIES, peer_of, vocabulary_file


@pytest.fixture(scope="module", params=VOCABULARIES)
def both(request) -> tuple[WordPieceTokenizer, Tokenizer]:
    lowercase = request.param == "minilm"
    tokenizer = WordPieceTokenizer.load(vocabulary_file(request.param), lowercase)
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
    path = vocabulary_file("minilm" if tokenizer.lowercase else "course")
    original = BertTokenizerLegacy(str(path), do_lower_case=tokenizer.lowercase)
    assert len(original) == len(tokenizer)  # transformers falls back to a tiny vocabulary silently
    return original
