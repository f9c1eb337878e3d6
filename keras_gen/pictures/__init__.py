"""Pictures of samples and densities, still and moving."""

from .animation import paletted, read_animation, save_animation, write_animation
from .drawings import is_drawable, sample_picture, save_drawing, save_samples
from .flows import bent_grid, density_map, layer_frames
from .images import image_grid, save_image_grid, save_picture
from .lines import line_plots
from .plane import bent_lines, density_on_grid, layer_positions
from .points import point_cloud

__all__ = [
    "bent_grid",
    "bent_lines",
    "density_map",
    "density_on_grid",
    "image_grid",
    "is_drawable",
    "layer_frames",
    "layer_positions",
    "line_plots",
    "paletted",
    "point_cloud",
    "read_animation",
    "sample_picture",
    "save_animation",
    "save_drawing",
    "save_image_grid",
    "save_picture",
    "save_samples",
    "write_animation",
]
