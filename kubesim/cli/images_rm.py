"""`kubesim images rm`."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    """Remove names, or images with all their names; then the blobs that no image needs any more."""
    import json

    from kubesim.cli.image_options import store_of
    from kubesim.cli.images import normalised
    from kubesim.errors import InputError
    from kubesim.model.mistakes import nearest

    store = store_of(options)
    removed: list[dict[str, str]] = []
    with store.changing() as change:
        for word in options.names:
            name = normalised(word)
            if any(name in image.references for image in change.images):
                change.remove_name(name)
                removed.append({"name": name})
                continue
            found = change.match(word)
            if len(found) != 1:
                what = f"{len(found)} images begin with {word}" if found else f"no image {word!r} in {store.path}"
                hint = (
                    "name one by more of its digits"
                    if found
                    else f"see kubesim images ls{nearest(word, store.references())}"
                )
                raise InputError(what, hint=hint)
            change.remove(found[0])
            removed.append({"digest": found[0].digest})
    if options.output == "json":
        print(json.dumps(removed, indent=2))
    else:
        print("\n".join(f"removed {one.get('name') or one['digest']}" for one in removed))
    return 0
