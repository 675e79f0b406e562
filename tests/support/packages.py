"""Little packages of third parties, installed where an installer would put them."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    code: str,
    points: Mapping[str, str],
) -> None:
    """Lay a package with its metadata into `folder`, as `pip install --target` does.

    Args:
        folder: Where packages are installed; it is put on the path.
        monkeypatch: Takes it off the path again.
        name: Of the package and its one module.
        code: The module.
        points: Entry points: group -> `name = module:function`.
    """
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = [f"[{group}]\n{point}\n" for group, point in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
