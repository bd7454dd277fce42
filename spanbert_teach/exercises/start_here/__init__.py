"""The exercises of lesson 00, in order: one file each."""

from spanbert_teach.exercises.start_here.boundaries import BOUNDARIES
from spanbert_teach.exercises.start_here.count_after import COUNT_AFTER
from spanbert_teach.exercises.start_here.hide_span import HIDE_SPAN

EXERCISES = (COUNT_AFTER, HIDE_SPAN, BOUNDARIES)
