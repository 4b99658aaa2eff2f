"""Third-party browser code is what was published, and its licence is there."""

from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"


def test_every_file_is_as_published() -> None:
    sums = [line.split(maxsplit=1) for line in (VENDOR / "SHA256SUMS").read_text().splitlines()]
    named = {(VENDOR / name).resolve(): checksum for checksum, name in sums}
    code = {path for path in VENDOR.rglob("*") if path.is_file() and path.suffix in (".js", ".mjs")}
    assert {path: sha256(path.read_bytes()).hexdigest() for path in code} == named


def test_every_package_has_its_licence() -> None:
    packages = [path for path in VENDOR.iterdir() if path.is_dir()]
    assert sorted(path.name for path in packages) == ["highlight.js", "markdown-it"]
    assert all((path / "LICENSE").is_file() for path in packages)
