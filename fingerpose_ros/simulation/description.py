"""A URDF as MuJoCo can load it: with the paths of its meshes, and masses for links that have none."""

import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

READABLE = (".stl", ".obj")
"""Suffixes of the meshes that MuJoCo reads."""

COMPILER = {
    "discardvisual": "false", "strippath": "false", "fusestatic": "false", "balanceinertia": "true",
    "boundmass": "0.001", "boundinertia": "1e-6", "autolimits": "true",
}  # fmt: skip
"""MuJoCo's options for loading: all links stay, and a link without mass gets a little."""


def package_folder(name: str) -> Path:
    """The share folder of a ROS package, or of `example-robot-data` from PyPI.

    Raises:
        FileNotFoundError: there is no such package.
    """
    if name == "example-robot-data":
        return example_robot_data()
    try:
        return Path(get_package_share_directory(name))
    except PackageNotFoundError:
        raise FileNotFoundError(f"no package {name!r} in AMENT_PREFIX_PATH; source its workspace") from None


def example_robot_data() -> Path:
    """The folder that PyPI's `example-robot-data` installs. Raises FileNotFoundError without it."""
    for path in sys.path:
        if (share := Path(path) / "cmeel.prefix" / "share" / "example-robot-data").is_dir():
            return share
    raise FileNotFoundError(
        "example-robot-data is not installed; install requirements/teleop.txt, or give the robot's URDF with --urdf"
    )


def loadable(urdf: str, folder_of: Callable[[str], Path] = package_folder) -> str:
    """The URDF for MuJoCo.

    A visual mesh in a format that MuJoCo does not read is left out; the link then shows its collision geometry.

    Args:
        folder_of: the share folder of a package by its name.

    Raises:
        ValueError: the text is no XML, or a collision mesh is in such a format.
        FileNotFoundError: a package or a mesh is missing.
    """
    try:
        tree = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise ValueError(f"the URDF is not XML: {error}") from error
    for link in tree.findall("link"):
        for kind in ("visual", "collision"):
            for element in link.findall(kind):
                mesh = element.find("geometry/mesh")
                if mesh is None:
                    continue
                path = _mesh_path(mesh.get("filename", ""), folder_of)
                if path.suffix.lower() in READABLE:
                    mesh.set("filename", str(path))
                elif kind == "visual":
                    link.remove(element)
                else:
                    raise ValueError(f"link {link.get('name')}: MuJoCo reads {' and '.join(READABLE)}, not {path.name}")
    for old in tree.findall("mujoco"):
        tree.remove(old)
    ElementTree.SubElement(ElementTree.SubElement(tree, "mujoco"), "compiler", COMPILER)
    return ElementTree.tostring(tree, encoding="unicode")


def _mesh_path(name: str, folder_of: Callable[[str], Path]) -> Path:
    if name.startswith("package://"):
        package, _, inner = name.removeprefix("package://").partition("/")
        path = folder_of(package) / inner
    else:
        path = Path(name.removeprefix("file://"))
    if not path.is_file():
        raise FileNotFoundError(f"the robot's mesh {name} is not in {path.parent}")
    return path
