"""Views: what a learner sees and moves. Each is a pure function (state -> static picture) plus a
thin live layer; the kernel sends numbers and the browser draws.

A view's numbers stand in `<view>_state`, where they need a module of their own. What all share:
`view` (the live layer), `picture` (HTML without a kernel), `colours`, `texts`, and `own_function`,
which runs a learner's own. `static/shared.js` and `shared.css` are their counterparts in the page.
"""
