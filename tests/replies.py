"""Jobs as the service shows them, for tests of the client."""

from __future__ import annotations


def shown_job(job: str, state: str, **fields: object) -> dict[str, object]:
    """Return a job of GET /v1/jobs as JSON; fields: those that differ from a job of which nothing is known yet."""
    nothing: dict[str, object] = {
        "id": job,
        "name": "",
        "state": state,
        "created": 0.0,
        "owner": "ann",
        "settings": {},
        "input": None,
        "file_totals": {"count": 0, "size": 0, "received": 0},
        "stages": {},
        "progress": 0.0,
        "eta_s": None,
        "warnings": [],
        "errors": [],
        "shape_zyx": None,
        "voxel_size_nm": None,
        "objects": [],
        "links": {},
    }
    return nothing | fields
