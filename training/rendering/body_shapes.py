"""The bank of bodies: `BodyBank`, with the regions of the skin that clothing and hair cover; and hats as meshes."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from .hands import vertex_normals
from .meshes import Mesh, extrude, revolve, union

BANK = Path(__file__).with_name("body_bank.npz")

MILLIMETRE = 1e-4
