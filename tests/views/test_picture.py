"""The static picture of a view is put together from escaped parts."""

from spanbert_teach.views.picture import element, elements, note


def test_html_is_put_together():
    assert elements("td", ["a", element("b", "c")], "x:y") == (
        '<td style="x:y">a</td><td style="x:y"><b>c</b></td>'
    )
    assert note("") == "" and note("<&") == "<p>&lt;&amp;</p>"
