"""Errors: every one is in the tree that the module draws, and ends the command line with its kind's exit code."""

from __future__ import annotations

import inspect

import pytest

from emstream import errors

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.EmstreamError)]
EXIT_CODES = {errors.UsageError: 2, errors.InputUnreadable: 3, errors.JobFailed: 4}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_the_tree_shows_every_error(kind: type[errors.EmstreamError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind.__doc__


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_the_exit_code_says_whose_fault_it_is(kind: type[errors.EmstreamError]) -> None:
    expected = 130 if kind is errors.Interrupted else next((c for k, c in EXIT_CODES.items() if issubclass(kind, k)), 4)
    assert kind("sentence").exit_code == expected


def test_a_wrong_shape_is_a_mistake_of_the_caller_not_of_the_user() -> None:
    assert issubclass(errors.ShapeError, ValueError)
    assert not issubclass(errors.ShapeError, errors.EmstreamError)
