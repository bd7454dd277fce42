"""The exercises of lesson 01, in order: one file each."""

from spanbert_teach.exercises.tokenization.cut_word import CUT_WORD
from spanbert_teach.exercises.tokenization.merge_in_word import MERGE_IN_WORD
from spanbert_teach.exercises.tokenization.windows import WINDOWS
from spanbert_teach.exercises.tokenization.word_ranges import WORD_RANGES
from spanbert_teach.exercises.tokenization.words_and_marks import WORDS_AND_MARKS

EXERCISES = (WORDS_AND_MARKS, CUT_WORD, MERGE_IN_WORD, WORD_RANGES, WINDOWS)
