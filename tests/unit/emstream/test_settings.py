"""Settings: read from the environment, wrong values named, old names still read."""

from __future__ import annotations

import pytest

from emstream.errors import SettingsError
from emstream.settings import Settings, read_settings


def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_SLAB_SECTIONS", "16")
    assert read_settings().slab_sections == 16


@pytest.mark.parametrize(
    ("name", "value"), [("SLAB_SECTIONS", "0"), ("PORT", "many"), ("ENGINE", "abacus"), ("CORE_SIDE", "100")]
)
def test_a_wrong_value_is_refused_by_the_variables_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EMSTREAM_{name}", value)
    with pytest.raises(SettingsError, match=rf"EMSTREAM_{name} is '{value}': .*Change it or unset it"):
        read_settings()


def test_the_old_name_of_a_setting_is_read_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_WINDOW", "48")
    with pytest.warns(FutureWarning, match="EMSTREAM_WINDOW is now called EMSTREAM_UNITS_AT_ONCE"):
        assert read_settings().units_at_once == 48


def test_the_new_name_counts_where_both_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_WINDOW", "48")
    monkeypatch.setenv("EMSTREAM_UNITS_AT_ONCE", "6")
    with pytest.warns(FutureWarning, match="rename it"):
        assert read_settings().units_at_once == 6


def test_settings_do_not_change_and_show_no_secret() -> None:
    settings = Settings(key="ems_secret", token="token_secret")
    assert "secret" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # the point of the test
