import pytest

from napari_micrograph_vlm.viewer.preferences import (
    Preferences,
    choose_model,
    read_preferences,
)

PLUGIN = "napari-micrograph-vlm"


def test_defaults_where_napari_does_not_know_the_plugin(plugin_settings):
    assert read_preferences() == Preferences()


def test_choices_of_the_user(plugin_settings, npe2pm):
    from napari.settings import get_plugin_settings
    from npe2 import PluginManifest

    npe2pm.register(PluginManifest.from_distribution(PLUGIN))
    assert read_preferences() == Preferences()
    settings = get_plugin_settings(PLUGIN)
    settings.answers.model = " student "
    settings.answers.device = "cpu"
    settings.answers.words = 100
    settings.overlay.colormap = "viridis"
    settings.overlay.opacity = 0.25
    assert read_preferences() == Preferences("student", "cpu", 100, "viridis", 0.25)


def test_colour_maps_to_choose_from_exist(plugin_settings, npe2pm):
    from npe2 import PluginManifest

    from napari_micrograph_vlm.viewer.overlay_picture import fading_colormap

    manifest = PluginManifest.from_distribution(PLUGIN)
    names = manifest.contributions.configurations["overlay"].properties["colormap"].enum
    for name in names:
        assert fading_colormap(name)


@pytest.mark.parametrize("words", [1, 30])
def test_words_are_enough_tokens(words):
    assert Preferences(words=words).max_tokens >= 1.5 * words


def test_a_choice_in_a_panel_is_kept_for_all(plugin_settings, npe2pm):
    from npe2 import PluginManifest

    npe2pm.register(PluginManifest.from_distribution(PLUGIN))
    choose_model(model="smolvlm-2b", device="cpu", precision="8-bit")
    assert read_preferences().which == ("smolvlm-2b", "cpu", "8-bit")
    choose_model(precision=None)
    assert read_preferences().which == ("smolvlm-2b", "cpu", None)
    choose_model(model=None, device=None)
    assert read_preferences() == Preferences()


def test_a_choice_holds_for_the_session_where_napari_keeps_nothing(plugin_settings, monkeypatch):
    from napari_micrograph_vlm.viewer import preferences

    monkeypatch.setattr(preferences, "_CHOSEN", {})
    choose_model(model="smolvlm-2b", device=None)
    assert read_preferences() == Preferences(model="smolvlm-2b")
