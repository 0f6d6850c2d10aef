"""Options that select the models to evaluate, and the models."""

import argparse
from typing import NamedTuple

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.detection.detector import Detector
from fingerpose_ros.perception.detection.model_file import DetectorFile
from fingerpose_ros.perception.pose.model_file import ModelFile, checksum
from fingerpose_ros.perception.pose.prediction import Backend


class Models(NamedTuple):
    """What an estimator needs."""

    backend: Backend
    detector: Detector


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that select the pose network and how it runs."""
    parser.add_argument("--model", default="", help="model file; default: the shipped model")
    parser.add_argument("--backend", choices=backends.BACKENDS, default="auto")
    parser.add_argument("--device", choices=backends.DEVICES, default="auto")
    parser.add_argument("--precision", choices=backends.PRECISIONS, default="f32")


def add_detector_argument(parser: argparse.ArgumentParser) -> None:
    """The option that selects the detector."""
    parser.add_argument("--detector", default="", help="file of the detector; default: the shipped one")


def make_backend(arguments: argparse.Namespace) -> Backend:
    """The pose network that the options select."""
    return backends.create_backend(arguments.backend, arguments.device, arguments.model, arguments.precision)


def make_models(arguments: argparse.Namespace) -> Models:
    """Pose network and detector that the options select."""
    backend = make_backend(arguments)
    detector = backends.create_detector(
        arguments.backend, arguments.device, arguments.detector, precision=backend.precision
    )
    return Models(backend, detector)


def about(arguments: argparse.Namespace, backend: Backend) -> dict[str, str]:
    """A report's entries that identify the evaluated pose network."""
    return {"model": backend.description, "sha256": checksum(ModelFile.open(arguments.model).path)}


def about_models(arguments: argparse.Namespace, models: Models) -> dict[str, str]:
    """A report's entries that identify the evaluated pose network and detector."""
    detector = checksum(DetectorFile.open(arguments.detector).path)
    return about(arguments, models.backend) | {"detector_sha256": detector}
