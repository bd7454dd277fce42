"""`config.json`: BERT's measures as transformers writes them, and this course's record beside them.

    {"model_type": "bert", "hidden_size": 256, …,
     "spanbert_teach": {"format_version": 1, "lowercase": false, "vocabulary": …, "provenance": …}}

So transformers opens a checkpoint of this course, and this course one of transformers. Lesson
`04_encoder`.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from spanbert_teach.checkpoints.names import ENCODER_PARTS, WORDS
from spanbert_teach.checkpoints.weights import AGAIN, Stored, read_json
from spanbert_teach.model import SpanBertConfig

FORMAT_VERSION = 1
RECORD = "spanbert_teach"
NEEDED = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
)
# What other settings would compute something else, silently. Missing means BERT's own value.
ONLY = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
}


def read_config(folder: Path) -> tuple[SpanBertConfig, dict | None]:
    """The configuration in a folder's config.json, and our record; None when it is not ours.

    Raises:
        FileNotFoundError: no config.json.
        ValueError: it is no BERT's, or of a later version of this course; the entry is named.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no config.json in {str(folder)!r}. Expected BERT's, with "
            f"{', '.join(NEEDED)}: the number of heads cannot be seen in the weights."
        )
    content = read_json(path)
    for entry, expected in ONLY.items():
        if (value := content.get(entry, expected[0])) not in expected:
            raise ValueError(
                f"{str(path)!r} says {entry}={value!r}: this encoder is BERT's and would compute "
                f"something else. Expected {expected[0]!r}."
            )
    if missing := [name for name in NEEDED if content.get(name) is None]:
        raise ValueError(f"{str(path)!r} does not say {', '.join(missing)}. Is it a BERT's?")
    fields = [field.name for field in dataclasses.fields(SpanBertConfig)]
    given = {name: content[name] for name in fields if content.get(name) is not None}
    try:
        config = SpanBertConfig(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r}: {error}") from None
    return config, checked_record(path, content)


def checked_record(path: Path, content: dict) -> dict | None:
    """Our record in config.json, complete; None when there is none."""
    record = content.get(RECORD)
    if record is None:
        return None
    version = record.get("format_version") if isinstance(record, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{str(path)!r}: {RECORD!r} has no format_version. Was it edited?")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{str(path)!r} is of format {version}, from a later spanbert-teach; this one reads "
            f"formats up to {FORMAT_VERSION}. Install the later one: git pull, or python -m pip "
            "install --upgrade spanbert-teach."
        )
    vocabulary = record.get("vocabulary")
    good = isinstance(record.get("provenance"), dict)
    if good and vocabulary is not None:
        good = isinstance(vocabulary, dict) and {"file", "size", "sha256"} <= vocabulary.keys()
        # A name, not a path: nothing outside the folder is read.
        good = good and Path(str(vocabulary["file"])).name == vocabulary["file"]
        good = good and isinstance(record.get("lowercase"), bool)
    if not good:
        raise ValueError(
            f"{str(path)!r}: {RECORD!r} is incomplete. Expected provenance and, where there is a "
            "vocabulary, its file, size and sha256, and lowercase."
        )
    return record


def config_text(config: SpanBertConfig, record: dict) -> str:
    """The text of config.json, the same for the same entries.

    Raises:
        ValueError: something in the record cannot be written as JSON.
    """
    fixed = {"architectures": ["BertModel"], **{name: ONLY[name][0] for name in list(ONLY)[:3]}}
    content = fixed | dataclasses.asdict(config) | {RECORD: record}
    try:
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The provenance cannot be written as JSON: {error}. Expected a dictionary of names, "
            "texts, numbers, lists and the like (a path: str(path); an array: array.tolist())."
        ) from None


def check_tensors(
    path: Path,
    expected: Mapping[str, tuple[int, ...]],
    stored: Mapping[str, Stored],
    names: Mapping[str, str],
) -> None:
    """Compare the tensors that an encoder needs with those of a file.

    Args:
        path: the file, for the messages.
        expected: our name -> shape, of all the encoder's tensors.
        stored: the file's name -> tensor.
        names: our name -> the file's name.

    Raises:
        ValueError: tensors are missing, or of other shapes, or unknown within the encoder.
    """
    file = repr(str(path))
    missing = [name for name in expected if name not in names]
    if len(missing) == len(expected):
        raise ValueError(
            f"{file} holds no BERT: of the {len(expected)} tensors of its encoder there is none. "
            f"It has: {some(list(stored))}. Expected {WORDS!r} and so on, with or without 'bert.' "
            "before."
        )
    wrong = [
        f"{names[name]!r} has the shape {stored[names[name]].shape}, expected {shape}"
        for name, shape in expected.items()
        if name in names and stored[names[name]].shape != shape
    ]
    if wrong:
        more = f" ({len(wrong) - 3} more do not fit)" if len(wrong) > 3 else ""
        raise ValueError(
            f"{file} does not fit the config.json beside it: {'; '.join(wrong[:3])}{more}."
        )
    if missing:
        layers = {name.split(".")[2] for name in missing if name.startswith("encoder.layer.")}
        whole = any(f".layer.{n}." in name for n in layers for name in names)
        hint = AGAIN if whole or not layers else "Is num_hidden_layers in config.json right?"
        raise ValueError(
            f"{file} lacks {len(missing)} of the encoder's {len(expected)} tensors: "
            f"{some(missing)}. {hint}"
        )
    unknown = [names[n] for n in names if n.startswith(ENCODER_PARTS) and n not in expected]
    if unknown:
        raise ValueError(
            f"{file} has tensors within the encoder that BERT, as config.json describes it, does "
            f"not have: {some(unknown)}. Left out, the results would be others: is it another "
            "model, or are there fewer layers in config.json?"
        )


def some(names: list[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more
