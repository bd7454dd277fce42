"""A figure of a lesson says what it shows."""

import pytest

from spanbert_teach.views.figure import figure


def test_a_figure_needs_a_description():
    with pytest.raises(ValueError, match="description"):
        figure(None, " ")
