"""Output files of a replay: a bag with the node's output, a contact sheet, a Rerun recording."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from rclpy.time import Time

from fingerpose_ros.files import write_bytes, write_image
from fingerpose_ros.perception import drawing
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import FINGER_JOINTS, PARENTS, WRIST
from fingerpose_ros.recording.bag_reader import COMPRESSED, IMAGE, INFO, DepthBag
from fingerpose_ros.recording.bag_writer import BagWriter
from fingerpose_ros.recording.recordings import DepthFrame, depth_frame, depth_frames
from fingerpose_ros.ros.camera_info import AUTO
from fingerpose_ros.ros.rejection import Rejected

from .node_replay import NodeReplay
from .scoring import score

COLUMNS, ROWS = 4, 5
TILE_WIDTH = 480
MAX_DRAWN_DEPTH = 1.5
"""Depth in metres from which on the images get no darker."""

MAX_UINT16_DEPTH = 65.535
"""Largest depth in metres that 16-bit millimetres can represent."""

Hands = Mapping[int, list[Hand]]
"""Stamp of the image in nanoseconds -> its hands."""


def write_bag(path: Path, bag: DepthBag, replay: NodeReplay) -> None:
    """Write a bag of the images, on their own topics, and of all messages that the node published for them."""
    times = {}
    with BagWriter(path) as out:
        for recorded in bag.images():
            times[recorded.stamp] = recorded.time
            kind = IMAGE if bag.transport == "raw" else COMPRESSED
            out.write_serialized(bag.info_topic, INFO, recorded.camera_info, recorded.time)
            out.write_serialized(bag.image_topic, kind, recorded.image, recorded.time)
        recorder = replay.recorder
        markers = (array for array in recorder.hand_markers if array.markers)
        for topic, messages, header in (
            ("/hand_poses", recorder.hand_poses, lambda message: message.header),
            ("/tf", recorder.transforms, lambda message: message.transforms[0].header),
            ("/hand_joint_states", recorder.hand_joint_states, lambda message: message.header),
            ("/hand_markers", markers, lambda message: message.markers[0].header),
        ):
            for message in messages:
                out.write(topic, message, times[Time.from_msg(header(message).stamp).nanoseconds])


def write_sheet(path: Path, bag: DepthBag, answers: Hands, truth: Hands | None, distortion: str = AUTO) -> None:
    """Write a contact sheet: images sampled over the whole bag, with the estimated hands and their errors.

    `distortion` as the node's parameter of that name.
    """
    chosen = set(np.linspace(0, bag.count - 1, min(bag.count, COLUMNS * ROWS)).round().astype(int).tolist())
    tiles = []
    for index, recorded in enumerate(bag.images()):
        if index in chosen:
            with suppress(Rejected):  # the node rejected it, too
                tiles.append(_tile(index, depth_frame(recorded, bag.transport, distortion), answers, truth))
    write_image(path, grid(tiles or [np.zeros((TILE_WIDTH, TILE_WIDTH, 3), np.uint8)], COLUMNS))


def _tile(index: int, frame: DepthFrame, answers: Hands, truth: Hands | None) -> np.ndarray:
    hands = answers.get(frame.stamp, [])
    labels = [hand.handedness for hand in hands]
    image = drawing.draw(frame.depth, frame.camera, labels, hands, MAX_DRAWN_DEPTH)
    height = round(TILE_WIDTH * image.shape[0] / image.shape[1])
    image = cv2.resize(image, (TILE_WIDTH, height), interpolation=cv2.INTER_AREA)
    text = f"image {index}" if frame.stamp in answers else f"image {index}: not answered"
    if truth is not None:
        result = score(truth, {frame.stamp: hands})
        text += f"   {result.error_mm:.1f} mm" if np.isfinite(result.error_mm) else ""
        text += f"   {result.hands - round(result.detected * result.hands)} missed" if result.detected < 1 else ""
    corner, font = (6, height - 8), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, text, corner, font, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return image


def grid(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """Tiles (height, width, 3) of one width -> one image with so many columns."""
    height = max(tile.shape[0] for tile in tiles)  # the resolution can change within a bag
    tiles = [np.pad(tile, ((0, height - tile.shape[0]), (0, 0), (0, 0))) for tile in tiles]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def write_rerun(path: Path, bag: DepthBag, answers: Hands, truth: Hands | None, distortion: str = AUTO) -> None:
    """Write a Rerun recording: the depth images as points, the hands, and their fingers' flexion over time.

    Lens distortion is ignored in it. `distortion` as the node's parameter of that name.

    Raises:
        ImportError: rerun-sdk is not installed.
        OSError: the file cannot be written.
    """
    import rerun as rr

    stream = rr.RecordingStream("fingerpose_ros")
    memory = stream.memory_recording()  # Rerun would wait forever for space on a full disk
    for frame in depth_frames(bag, distortion):
        camera = frame.camera
        stream.set_time("stamp", timestamp=np.datetime64(frame.stamp, "ns"))
        stream.log("camera", rr.Pinhole(image_from_camera=camera.matrix, resolution=(camera.width, camera.height)))
        millimetres = np.round(np.where(frame.depth < MAX_UINT16_DEPTH, frame.depth, 0) * 1000).astype(np.uint16)
        png = cv2.imencode(".png", millimetres)[1]
        stream.log("camera/depth", rr.EncodedDepthImage(png.tobytes(), media_type="image/png", meter=1000.0))
        stream.log("answer", rr.Clear(recursive=True))
        for hand in answers.get(frame.stamp, []):
            stream.log(f"answer/{hand.handedness}_{hand.track_id}", *_skeleton(rr, hand))
            for finger, state in hand.fingers.items():
                stream.log(f"flexion/{hand.handedness}/{finger}", rr.Scalars(np.degrees(state.flexion)))
        stream.log("truth", rr.Clear(recursive=True))
        for hand in (truth or {}).get(frame.stamp, []):
            stream.log(f"truth/{hand.handedness}", *_skeleton(rr, hand, grey=True))
    write_bytes(path, memory.drain_as_bytes())


def _skeleton(rr, hand: Hand, grey: bool = False) -> list:
    colours = np.full((21, 3), 160 if grey else 255, np.uint8)
    for finger, joints in FINGER_JOINTS.items():
        if not grey:
            colours[list(joints)] = drawing.FINGER_COLOURS[finger]
    bones = [j for j in range(21) if j != WRIST and hand.valid[j] and hand.valid[PARENTS[j]]]
    return [
        rr.Points3D(hand.positions[hand.valid], colors=colours[hand.valid], radii=0.004),
        rr.LineStrips3D([hand.positions[[PARENTS[j], j]] for j in bones], colors=colours[bones], radii=0.0015),
    ]
