"""Tools for maintainers: a learner never meets them."""
