"""The exercises of lesson 04, in order: one file each."""

from spanbert_teach.exercises.encoder.gelu import GELU
from spanbert_teach.exercises.encoder.how_many_parameters import HOW_MANY_PARAMETERS
from spanbert_teach.exercises.encoder.normalise import NORMALISE
from spanbert_teach.exercises.encoder.one_layer import ONE_LAYER
from spanbert_teach.exercises.encoder.sum_of_tables import SUM_OF_TABLES

EXERCISES = (SUM_OF_TABLES, NORMALISE, ONE_LAYER, HOW_MANY_PARAMETERS, GELU)
