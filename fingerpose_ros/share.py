"""Location of the package's data files: weights, settings, message definitions."""

from pathlib import Path


def share_folder() -> Path:
    """The source tree's root when run from there, otherwise the folder installed by pip or in the ROS installation.

    Raises:
        FileNotFoundError: there is none of them.
    """
    root = Path(__file__).resolve().parents[1]
    if (root / "package.xml").exists():
        return root
    package = Path(__file__).parent
    if (package / "models").is_dir():  # installed with pip, including the weights
        return package
    try:
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

        return Path(get_package_share_directory("fingerpose_ros"))
    except (ImportError, PackageNotFoundError) as error:
        raise FileNotFoundError(
            f"the data files of fingerpose_ros are neither in {root} nor in a sourced ROS installation"
        ) from error
