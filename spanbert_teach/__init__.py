"""SpanBERT from Scratch: the small library behind the notebook course.

One file is one idea; text flows through them in this order:
text -> pieces -> blocks -> masked batch -> hidden states -> two losses -> a view.
"""

__version__ = "0.1.0"

# The sentence that runs through the course: Lyndon B. Johnson to Congress, 1969, held out.
SENTENCE = (
    "I believe we should also extend the vital provisions of the Voting Rights Act "
    "for another 5 years."
)


def check_version(lesson: str) -> None:
    """Warn when a lesson and the installed package are of different versions.

    Every lesson's set-up cell calls this with the version the lesson was written for; it prints
    nothing when both are the same.
    """
    if lesson != __version__:
        print(
            f"⚠ This copy of the lesson was written for spanbert-teach {lesson}, but {__version__} "
            "is installed: names and numbers may differ. Open the lesson of that version, or, on "
            "Colab: %pip uninstall -y spanbert-teach, restart the session, run this cell again."
        )
