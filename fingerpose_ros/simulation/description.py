"""A URDF as MuJoCo can load it: with the paths of its meshes, and masses for links that have none."""

import sys
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


def located(name: str) -> Path:
    """The path of a file that a URDF names: package://PACKAGE/..., file://... or a path.

    The package is a ROS package, or `example-robot-data` of PyPI. Whether the file exists is not checked.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    if not name.startswith("package://"):
        return Path(name.removeprefix("file://")).expanduser()
    package, _, inner = name.removeprefix("package://").partition("/")
    if package == "example-robot-data":
        return _example_robot_data() / inner
    try:
        return Path(get_package_share_directory(package)) / inner
    except PackageNotFoundError:
        raise FileNotFoundError(f"{name}: no package {package!r} in AMENT_PREFIX_PATH; source its workspace") from None


def _example_robot_data() -> Path:
    """The folder that PyPI's `example-robot-data` installs, which is not a module."""
    for path in sys.path:
        if (share := Path(path) / "cmeel.prefix" / "share" / "example-robot-data").is_dir():
            return share
    raise FileNotFoundError("example-robot-data is not installed: python3 -m pip install -r requirements/teleop.txt")


def loadable(urdf: str) -> str:
    """The URDF for MuJoCo.

    A visual mesh in a format that MuJoCo does not read is left out; the link then shows its collision geometry.

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
                path = located(mesh.get("filename", ""))
                if not path.is_file():
                    raise FileNotFoundError(f"link {link.get('name')}: the mesh {path} does not exist")
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
