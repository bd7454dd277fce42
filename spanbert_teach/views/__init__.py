"""Views: what a learner sees and moves. Each is a pure function (state -> static picture) plus a
thin live layer; the kernel sends numbers and the browser draws.

A view's numbers stand in `<view>_state`, where they need a module of their own; `frame` is what all
live views do, `guards` what keeps odd texts and a learner's own functions from breaking one."""
