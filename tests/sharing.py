"""How `make test` shares the tests out to several processes: what stays together, what comes first.

pytest-xdist gives a group of tests to one process, and the next group to whoever is free.
"""

LONG = ("contract", "slow")  # the markers of what takes seconds


def group_of(item) -> str:
    """The group of a test: what shares something expensive stays together.

    The browser's tests share one JupyterLab, those of an exercise or a file what is made for them;
    a lesson that is run by nbval shares nothing.
    """
    if item.get_closest_marker("browser"):
        return "browser"
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if "notebook_path" in given:
        return item.nodeid
    return f"exercise {given['exercise'].id}" if "exercise" in given else str(item.path)


def place_in_line(item) -> int:
    """A key for sorting: the longest groups first, so that nobody waits for them at the end."""
    if item.get_closest_marker("browser"):
        return 0
    return 1 if any(item.get_closest_marker(name) for name in LONG) else 2
