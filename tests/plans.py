"""Plans of jobs that no stack was read for."""

from __future__ import annotations

from emstream.jobs.record import Grid, Member, Plan


def make_plan(shape_zyx: tuple[int, int, int], sections: int, name: str = "spots", **changes: object) -> Plan:
    """Return a plan of slabs of `sections`, 50 x 5 x 5 nm, with one object found by one network; `changes` to it."""
    member = Member(name="network", path="network.onnx", sha256="0" * 64, sections=1, objects=(name,))
    plan = Plan(
        shape_zyx=shape_zyx,
        dtype="uint8",
        source="images",
        section_names=("s1.png", "s2.png"),
        voxel_size_nm=(50, 5, 5),
        voxel_size_source="given by the test",
        grey_low=0,
        grey_high=255,
        is_constant=False,
        slab_sections=sections,
        core_side=1024,
        variants=1,
        grids=(
            Grid(size_yx=shape_zyx[1:], pixel_size_nm=5, is_resampled=False, halo=32, alignment=16, members=(member,)),
        ),
        thresholds={name: 0.5},
        warnings=(),
    )
    return plan.model_copy(update=changes)
