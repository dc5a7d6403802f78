"""The surface of one object as a mesh, from its own box: marching cubes, in micrometres.

Where the voxel size or the section thickness is not known, lengths are in voxels, of any of the three axes.
Positions are those in the volume, from its first voxel's corner, axes x, y, z. The volume's border closes an object
that it cuts. Boxes of more than 2^24 voxels are averaged in y and x first. Largest arrays: some of that many floats.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from emstream.errors import EmstreamError, VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import MeshForm, failed_mark
from emstream.jobs.record import Plan
from emstream.volume.files import opened, publishing
from emstream.volume.geometry import Box
from emstream.volume.voxel_size import KnownSize, in_micrometres, known_size
from emstream_postprocess.objects.blocks import read_region

MOST_VOXELS = 1 << 24


def make_meshes(folder: JobFolder, plan: Plan, check: Callable[[], None]) -> None:
    """Publish every surface that is asked for; where that fails, leave the sentence."""
    for mark in sorted(folder.meshes.glob("*/*.wanted")):
        check()
        final = mark.with_suffix("")
        label, form = final.stem, final.suffix[1:]
        try:
            if not final.exists():
                content = mesh_of(folder, plan, final.parent.name, int(label), form)  # type: ignore[arg-type]  # as asked
                with publishing(final) as part:
                    part.write_bytes(content)
        except EmstreamError as error:
            failed_mark(final).write_text(str(error))
        mark.unlink(missing_ok=True)


def mesh_of(folder: JobFolder, plan: Plan, name: str, label: int, form: MeshForm) -> bytes:
    """Return an object's surface as a file. Raises VolumeDamaged if there is no such object in the labels."""
    box = box_of(folder, name, label)
    step = next(s for s in range(1, 1 << 16) if _size(box, s) <= MOST_VOXELS)
    share = read_share(folder, plan, name, label, box, step)
    if not share.any():
        raise VolumeDamaged(f"object {label} of {name} is not in the labels: derive them anew, by PUT thresholds")
    voxel = known_size(in_micrometres(plan.voxel_size_nm)) or (1.0, 1.0, 1.0)
    return export_surface(share, box.start, voxel, step, form)


def box_of(folder: JobFolder, name: str, label: int) -> Box:
    """Return an object's box, as measured."""
    with opened(folder.measurements / f"{name}.h5") as file:
        z0, z1, y0, y1, x0, x1 = (int(file[f"box_{axis}{end}"][label - 1]) for axis in "zyx" for end in "01")
    return Box((z0, y0, x0), (z1, y1, x1))


def _size(box: Box, step: int) -> int:
    depth, height, width = box.shape
    return depth * (-(-height // step)) * (-(-width // step))


def read_share(folder: JobFolder, plan: Plan, name: str, label: int, box: Box, step: int) -> NDArray[np.float32]:
    """Return how much of each cell of 1 x step x step voxels is the object, float32 0..1, section by section."""
    depth, height, width = box.shape
    share = np.zeros((depth, -(-height // step), -(-width // step)), np.float32)
    for z in range(depth):
        section = Box((box.start[0] + z, *box.start[1:]), (box.start[0] + z + 1, *box.stop[1:]))
        here = read_region(folder.labels, plan, f"{name}/labels", section, np.uint32)[0] == label
        padded = np.pad(here, [(0, -height % step), (0, -width % step)])
        share[z] = padded.reshape(share.shape[1], step, share.shape[2], step).mean(axis=(1, 3), dtype=np.float32)
    return share


def export_surface(
    share: NDArray[np.float32], start: tuple[int, int, int], voxel: KnownSize, step: int, form: MeshForm
) -> bytes:
    """Return the surface where half of a cell is the object. start: the first voxel's place in the volume."""
    import trimesh  # these two load slowly, and most jobs need neither
    from skimage.measure import marching_cubes

    cell = np.array([1, step, step])
    level = 0.5 if share.max() > 0.5 else float(share.max()) / 2
    vertices, faces, _, _ = marching_cubes(np.pad(share, 1), level)
    places = (np.array(start) + (vertices - 0.5) * cell) * voxel  # cell i of the padded grid has its middle at i - 1/2
    # seen in x, y, z (a mirror of z, y, x) the faces' corners go round outward normals
    mesh = trimesh.Trimesh(places[:, ::-1], faces, process=False)
    content: bytes = mesh.export(file_type=form)
    return content
