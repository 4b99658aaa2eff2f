"""Static files under names that change with their content, so that browsers keep them for ever."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.contrib.staticfiles import finders
from django.core.files.storage import Storage
from servestatic.storage import CompressedManifestStaticFilesStorage

Source = tuple[str, Storage, str]  # name, and where it lies under which path

logger = logging.getLogger(__name__)


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # has no types
    """What `collectstatic` makes, as long as it is of the files that are here now.

    Nothing breaks where it was never run, or not since the code changed: then files have their
    plain names, and are served from where they lie.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 30  # as deep as modules may import one another

    def stored_name(self, name: str) -> str:
        is_known = self.hash_key(self.clean_name(name)) in self.hashed_files
        hashed: str = super().stored_name(name) if is_known else name
        return hashed

    def load_manifest(self) -> tuple[dict[str, str], str]:
        try:
            manifest = json.loads(self.read_manifest() or "{}")
        except ValueError:  # cut off while it was written
            manifest = {"paths": {}}
        if not manifest:
            return {}, ""
        if manifest.get("sources") != _digest(_sources()) or not self._has(manifest["paths"]):
            logger.warning("%s is not of this code: run collectstatic", self.location)
            return {}, ""
        return manifest["paths"], manifest.get("hash", "")

    def post_process(
        self, paths: dict[str, tuple[Storage, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str | None, bool | Exception]]:
        yield from super().post_process(paths, dry_run=dry_run, **options)
        if not dry_run:
            manifest = json.loads(self.read_manifest() or "{}")
            sources = _digest((name, *place) for name, place in paths.items())
            with open(self.path(self.manifest_name), "w") as file:
                json.dump(manifest | {"sources": sources}, file)

    def _has(self, paths: dict[str, str]) -> bool:
        return all(map(self.exists, paths.values()))


def _sources() -> Iterator[Source]:
    """Yield the files that `collectstatic` would collect."""
    ignored = apps.get_app_config("staticfiles").ignore_patterns  # type: ignore[attr-defined]
    found = set()
    for finder in finders.get_finders():
        for path, storage in finder.list(ignored):
            prefix = getattr(storage, "prefix", None)
            name = f"{prefix}/{path}" if prefix else path
            if name not in found:
                found.add(name)
                yield name, storage, path


def _digest(sources: Iterable[Source]) -> str:
    """Return what tells one collection of files from another."""
    whole = hashlib.sha256()
    for name, storage, path in sorted(sources, key=lambda source: source[0]):
        with storage.open(path) as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name} {content}\n".encode())
    return whole.hexdigest()
