"""The exercises of lesson 03, in order: one file each."""

from spanbert_teach.exercises.attention.attend_to_real import ATTEND_TO_REAL
from spanbert_teach.exercises.attention.fit import FIT
from spanbert_teach.exercises.attention.into_heads import INTO_HEADS
from spanbert_teach.exercises.attention.share_at import SHARE_AT
from spanbert_teach.exercises.attention.softmax_rows import SOFTMAX_ROWS

EXERCISES = (FIT, SOFTMAX_ROWS, ATTEND_TO_REAL, INTO_HEADS, SHARE_AT)
