"""The `anny` body model that the banks of hands and bodies are taken from."""

import anny

from .warp_start import start_warp


def load_body_model() -> anny.Anny:
    """The full body with all its shape parameters.

    Says beforehand that it takes minutes at the first time: anny then reads its source files and keeps them in
    `~/.cache/anny`, all in one call, so the time left is unknown.
    """
    start_warp()  # before anny does
    print("loading the body model; the first time takes some minutes", flush=True)
    return anny.create_fullbody_model(local_changes="all", triangulate_faces=True, all_phenotypes=True)
