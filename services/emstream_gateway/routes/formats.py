"""The route that lists the formats of stacks and exports, for pages and programs that offer them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from emstream.api.service import ExportFormatState, Formats, StackFormatState
from emstream.jobs.export_formats import EXPORT_FORMATS
from emstream.readers.formats import CLUTTER, FORMATS
from emstream.stages import SHOWN
from emstream_gateway.auth import ReadKey
from emstream_gateway.http.openapi import as_json, refusals, returns

router = APIRouter(prefix="/v1/formats", tags=["models"])


@router.get(
    "",
    response_class=Response,
    summary="Formats that are read and written, and stages",
    responses={**returns(Formats, "Stack formats and export formats, in the order to offer them"), **refusals(422)},
)
def list_formats(caller: ReadKey) -> Response:
    """List the formats."""
    return as_json(all_formats())


def all_formats() -> Formats:
    """Return the formats that this version of emstream reads and writes."""
    stacks = [
        StackFormatState(kind=row.kind, suffixes=list(row.suffixes), is_image=row.is_image, is_stack=row.is_stack)
        for row in FORMATS
    ]
    exports = [
        ExportFormatState(
            name=row.name, title=row.title, hint=row.hint, contents=list(row.contents), exact=list(row.exact)
        )
        for row in EXPORT_FORMATS.values()
    ]
    return Formats(stacks=stacks, exports=exports, clutter=sorted(CLUTTER), stages=list(SHOWN))
