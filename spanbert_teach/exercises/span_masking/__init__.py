"""The exercises of lesson 02, in order: one file each."""

from spanbert_teach.exercises.span_masking.choose_masked import CHOOSE_MASKED
from spanbert_teach.exercises.span_masking.how_many import HOW_MANY
from spanbert_teach.exercises.span_masking.joined import JOINED
from spanbert_teach.exercises.span_masking.length_law import LENGTH_LAW
from spanbert_teach.exercises.span_masking.replace import REPLACE

EXERCISES = (LENGTH_LAW, HOW_MANY, CHOOSE_MASKED, REPLACE, JOINED)
