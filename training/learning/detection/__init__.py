"""Training the detector: samples of composed images, the replay buffer, the training loop.

Here: what changes the detector's weights. Not here: its networks (`fingerpose_ros.perception.detection`), and the
images (`training.rendering.composed_images`).
"""
