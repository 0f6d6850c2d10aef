"""What pyproject.toml cannot say of `pip install .`: the weights in models/ are installed into the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["fingerpose_ros*"]), "fingerpose_ros.models"],
    package_dir={"fingerpose_ros.models": "models"},
    package_data={"fingerpose_ros.models": ["*"]},
)
