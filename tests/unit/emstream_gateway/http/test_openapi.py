"""Answers as the OpenAPI document lists them."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from emstream.api.problems import BY_STATUS, MEANINGS
from emstream_gateway.http.openapi import (
    HEADER_TEXT,
    as_json,
    describe_api,
    open_refusals,
    refusals,
    returns,
    returns_file,
)


class Spot(BaseModel):
    number: int


def test_every_route_with_a_key_may_refuse_it() -> None:
    assert list(refusals()) == [401, 403, 421, 429]
    assert list(refusals(404, 401)) == [401, 403, 404, 421, 429]
    assert list(open_refusals(404)) == [404, 421]


@pytest.mark.parametrize("status", sorted(BY_STATUS))
def test_the_example_of_a_refusal_is_a_row_of_the_table(status: int) -> None:
    shown = open_refusals(status)[status]
    example = shown["content"]["application/problem+json"]["example"]
    assert (example["status"], example["code"], example["detail"]) == (
        status,
        BY_STATUS[status].code,
        BY_STATUS[status].example,
    )
    assert shown["description"] == MEANINGS[status]


def test_an_answer_names_its_model_and_its_headers() -> None:
    [(status, shown)] = returns(Spot, "A spot", 202, ("Location",)).items()
    assert (status, shown["model"], shown["description"]) == (202, Spot, "A spot")
    assert shown["headers"]["Location"]["description"] == HEADER_TEXT["Location"]


def test_a_file_comes_whole_in_part_or_not_at_all() -> None:
    found = returns_file("image/png", "application/json")
    assert set(found) == {200, 206, 304}
    assert set(found[200]["content"]) == {"image/png", "application/json"}
    assert set(found[206]["headers"]) == {"ETag", "Content-Range"}


def test_a_model_is_sent_as_json() -> None:
    answer = as_json(Spot(number=3), 202, {"Location": "/x"})
    assert (answer.status_code, answer.body, answer.media_type) == (202, b'{"number":3}', "application/json")
    assert answer.headers["location"] == "/x"


def test_the_document_holds_models_of_bodies_that_routes_read_themselves() -> None:
    app = FastAPI()
    app.openapi_schema = None

    @app.get("/spot", responses={**returns(Spot, "A spot")})
    def spot() -> None:
        """Show a spot."""

    document = describe_api(app)
    assert {"Spot", "Problem", "NewJob", "JobSettings", "ExportWish"} <= set(document["components"]["schemas"])
    assert describe_api(app) is document
