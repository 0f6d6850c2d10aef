"""Where the files are that come with the package and are no Python: weights, settings, message definitions."""

from pathlib import Path


def share_folder() -> Path:
    """The source tree's root when run from there, else where pip or the ROS installation put them.

    Raises:
        FileNotFoundError: neither is there.
    """
    root = Path(__file__).resolve().parents[1]
    if (root / "package.xml").exists():
        return root
    package = Path(__file__).parent
    if (package / "models").is_dir():  # installed with pip, weights and all
        return package
    try:
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

        return Path(get_package_share_directory("fingerpose_ros"))
    except (ImportError, PackageNotFoundError) as error:
        raise FileNotFoundError(
            f"the shared files of fingerpose_ros are neither at {root} nor in a ROS installation; is it sourced?"
        ) from error
