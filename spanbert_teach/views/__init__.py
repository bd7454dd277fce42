"""Views: what a learner sees and moves. Each is a pure function (state -> static picture) plus a
thin live layer; the kernel sends numbers and the browser draws."""
