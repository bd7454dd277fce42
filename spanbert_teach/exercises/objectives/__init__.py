"""The exercises of lesson 05, in order: one file each."""

from spanbert_teach.exercises.objectives.both_losses import JOINT_LOSS
from spanbert_teach.exercises.objectives.boundary_vector import BOUNDARY_VECTOR
from spanbert_teach.exercises.objectives.decoder_of import TIED_DECODER
from spanbert_teach.exercises.objectives.mlm_loss import MLM_LOSS
from spanbert_teach.exercises.objectives.sbo_targets_of import SBO_TARGETS_OF

EXERCISES = (TIED_DECODER, SBO_TARGETS_OF, BOUNDARY_VECTOR, MLM_LOSS, JOINT_LOSS)
