"""The route that lists the formats of stacks and exports, for pages and programs that offer them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from emstream.api.formats import Formats, all_formats
from emstream_gateway.auth import ReadKey
from emstream_gateway.http.openapi import as_json, refusals, returns

router = APIRouter(prefix="/v1/formats", tags=["models"])


@router.get(
    "",
    response_class=Response,
    summary="Formats that are read and written",
    responses={**returns(Formats, "Stack formats and export formats, in the order to offer them"), **refusals(422)},
)
def list_formats(caller: ReadKey) -> Response:
    """List the formats."""
    return as_json(all_formats())
