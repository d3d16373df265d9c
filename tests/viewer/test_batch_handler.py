"""The batch panel, driven as a user drives it."""

from threading import Event
from time import sleep

import numpy as np
import pytest
from qtpy.QtCore import Qt
from run_panels import BOX, pictures_in

from fakes import FakeModel, picture
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.viewer.docks import BatchDock
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.models import ModelHolder
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.run_book import RunBook

pytestmark = pytest.mark.gui


class OneByOne(FakeModel):
    """Waits before each region but the first ones; gives each the class of its number."""

    def __init__(self, gate=None, free=1, seconds=0.0, **options):
        super().__init__(**options)
        self.seconds = seconds
        self.seen = 0
        self.free = free
        self.wait_for = gate

    def classify(self, regions, labels, *, cancel=None, **options):
        for _ in regions:
            sleep(self.seconds)
            self.seen += 1
            while self.wait_for is not None and self.seen > self.free:
                if self.wait_for.wait(0.01) or (cancel is not None and cancel.is_set()):
                    break
        return super().classify(regions, labels, cancel=cancel, **options)


class User:
    """Opens the panel and uses it."""

    def __init__(self, viewer, qtbot, model, folder, **options):
        self.viewer, self.qtbot, self.model, self.folder = viewer, qtbot, model, folder
        options.setdefault("models", ModelHolder(lambda name, device: model))
        options.setdefault("preferences", Preferences)
        self.view = BatchDock(
            viewer, journal=lambda kind, name: folder / f"{kind}.journal", **options
        )
        self.handler = self.view.handler
        self.dock = viewer.window.add_dock_widget(self.view, name="batch")
        self.view.classes.set_labels(["crack", "pore", "blister"])

    def choose(self, kind):
        kinds = self.view.source.kinds
        kinds.setCurrentIndex(kinds.findData(kind))
        kinds.activated.emit(kinds.currentIndex())

    def start(self):
        self.qtbot.mouseClick(self.view.start, Qt.MouseButton.LeftButton)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=30_000)

    def wait(self):
        self.until(lambda: not self.handler.is_busy)

    def run(self):
        self.start()
        self.wait()

    def reach(self, number):
        """Wait until so many items are finished and the next is being looked at."""
        self.until(lambda: self.model.seen > number)

    @property
    def message(self):
        return self.view.messages.text

    @property
    def found(self):
        return list(RunBook.of(self.viewer).journal.findings())


@pytest.fixture
def user(make_napari_viewer, qtbot, tmp_path):
    def open_panel(model=None, shapes=3, data=None, **options):
        viewer = make_napari_viewer()
        viewer.add_image(picture() if data is None else data, name="gold")
        if shapes:
            viewer.add_shapes([BOX + 2 * i for i in range(shapes)], name="drawn")
        return User(viewer, qtbot, model or OneByOne(), tmp_path / "runs", **options)

    yield open_panel
    assert wait_for_jobs(5)


def test_every_shape_gets_a_class_and_the_questions_an_answer(user):
    it = user()
    it.view.questions.setPlainText("What is it?\n\nWhat is it?\n How large? ")
    it.run()
    assert [one.best for one in it.found] == ["crack"] * 3
    assert [len(one.said) for one in it.found] == [2, 2, 2]
    assert [one.said[1].question for one in it.found] == ["How large?"] * 3
    assert list(it.viewer.layers["drawn"].features["vlm_class"]) == ["crack"] * 3
    assert "3 items looked at" in it.message
    assert "shapes.journal" in it.message
    assert it.view.start.isEnabled()
    assert not it.view.stop.isEnabled()


def test_only_questions_and_sizes(user):
    it = user()
    it.view.classify.setChecked(False)
    it.view.questions.setPlainText("What is it?")
    it.view.measure.setChecked(True)
    it.run()
    assert [one.best for one in it.found] == [""] * 3
    assert it.found[0].said[0].text == "a crack in the upper left"
    assert {one.sizes.what for one in it.found} == {"crack"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda view: view.classify.setChecked(False), "at least one question"),
        (lambda view: view.journal.setText(""), "journal"),
        (lambda view: view.classes.set_labels(["a"]), "at least two"),
    ],
)
def test_what_is_missing_is_said(user, change, expected):
    it = user()
    change(it.view)
    it.run()
    assert expected in it.message


def test_an_empty_viewer_and_no_folder(make_napari_viewer, qtbot, tmp_path):
    it = User(make_napari_viewer(), qtbot, OneByOne(), tmp_path)
    it.view.show_journal("a.journal")
    it.run()
    assert "No image is open" in it.message
    it.choose("folder")
    it.view.show_journal("a.journal")
    it.run()
    assert "Choose the folder" in it.message


def test_objects_of_a_labels_layer(user):
    it = user(shapes=0)
    data = np.zeros((64, 80), int)
    data[5:30, 5:30], data[40:60, 40:70], data[2, 2] = 7, 300, 9
    labels = it.viewer.add_labels(data, name="objects")
    it.choose("objects")
    it.run()
    assert [one.item.label for one in it.found] == [7, 9, 300]
    assert "2 items looked at, 1 skipped" in it.message  # one object is a single pixel
    table = labels.features.set_index("index")
    assert table.loc[300, "vlm_class"] == "crack"
    assert 9 not in table.index


@pytest.mark.parametrize("axis", [0, 2])
def test_slices_of_a_stack(user, axis):
    it = user(shapes=0, data=picture((8, 20, 12)))
    assert it.view.source.kind == "slices"
    it.view.source.axes.setCurrentIndex(axis)
    it.run()
    assert [one.item.plane for one in it.found] == [(i,) for i in range((8, 20, 12)[axis])]


def test_tiles_and_empty_ones(user):
    data = np.zeros((200, 300), np.uint8)
    data[:100] = picture((100, 300))
    it = user(shapes=0, data=data)
    assert it.view.source.kind == "tiles"
    it.view.source.side.setValue(100)
    it.view.source.overlap.setValue(0)
    it.run()
    assert len(it.found) == 6
    assert "3 items looked at, 3 empty tiles left out" in it.message


def test_a_folder_with_a_broken_file(user, tmp_path):
    folder = pictures_in(tmp_path / "in")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not asked for")
    it = user()
    it.choose("folder")
    it.view.source.folder.setText(str(folder))
    it.view.source.pattern.setText("*.png")
    it.run()
    assert "4 items looked at, 1 skipped" in it.message
    assert [one.status for one in it.found].count("skipped") == 1


def test_a_shape_outside_the_image_is_skipped_with_its_reason(user):
    it = user()
    it.viewer.layers["drawn"].add_rectangles(BOX + 500)
    it.run()
    assert "3 items looked at, 1 skipped" in it.message
    assert "outside the image" in it.found[3].error
    assert list(it.viewer.layers["drawn"].features["vlm_class"]) == ["crack"] * 3 + [""]


def test_pause_stop_and_go_on(user):
    gate = Event()
    it = user(OneByOne(gate, free=2), shapes=5)
    it.start()
    it.reach(2)
    it.until(lambda: it.view.progress.maximum() == 5)
    it.qtbot.mouseClick(it.view.pause, Qt.MouseButton.LeftButton)
    assert it.view.status.text().startswith("Paused at")
    assert it.view.progress.maximum() == 5
    gate.set()  # the item that is being looked at is finished, and no other
    it.until(lambda: it.view.progress.value() == 3)
    it.qtbot.wait(300)
    assert it.model.seen == 3
    assert it.view.pause.text() == "Go on"
    it.qtbot.mouseClick(it.view.stop, Qt.MouseButton.LeftButton)
    it.wait()
    assert it.message.startswith("Stopped.")
    assert len(it.found) == 3
    assert list(it.viewer.layers["drawn"].features["vlm_class"]) == ["crack"] * 3 + [""] * 2
    it.start()
    it.until(lambda: it.handler._begun is not None)
    it.wait()
    assert it.model.seen == 5
    assert len(it.found) == 5
    assert list(it.viewer.layers["drawn"].features["vlm_class"]) == ["crack"] * 5
    it.run()
    assert it.message == "All 5 items were done before; nothing was asked again."
    assert it.model.seen == 5


def test_going_on_after_a_pause(user):
    it = user(OneByOne(), shapes=4)
    it.start()
    it.qtbot.mouseClick(it.view.pause, Qt.MouseButton.LeftButton)
    it.qtbot.wait(200)
    assert it.handler.is_busy
    it.qtbot.mouseClick(it.view.pause, Qt.MouseButton.LeftButton)
    it.wait()
    assert len(it.found) == 4


def test_other_classes_are_a_new_run_and_said_so(user):
    it = user()
    it.run()
    it.view.classes.set_labels(["line", "space"])
    it.run()
    assert "other classes" in it.message
    assert "shapes-2.journal" in it.message
    assert [one.best for one in it.found] == ["line"] * 3
    with Journal.open(it.folder / "shapes.journal") as before:
        assert [one.best for one in before.findings()] == ["crack"] * 3
    it.view.classes.set_labels(["crack", "pore", "blister"])
    it.run()
    assert "nothing was asked again" in it.message
    it.view.classes.set_labels(["line", "space"])
    it.run()
    assert it.model.seen == 6


def test_a_shape_added_later_is_looked_at_alone(user):
    it = user()
    it.run()
    it.viewer.layers["drawn"].add_rectangles(BOX + 11)
    it.run()
    assert it.model.seen == 4
    assert len(it.found) == 4


def test_another_days_layers_get_the_classes_too(user):
    it = user()
    it.run()
    it.viewer.layers.remove("drawn")
    again = it.viewer.add_shapes([BOX + 2 * i for i in range(3)], name="drawn")
    it.run()
    assert it.model.seen == 3
    assert list(again.features["vlm_class"]) == ["crack"] * 3
    key = it.found[1].item.key
    RunBook.of(it.viewer).correct(key, "void")
    assert list(again.features["vlm_corrected"]) == ["", "void", ""]


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_an_image_that_goes_or_changes_stops_the_run(user, how):
    it = user(OneByOne(Event(), free=2), shapes=5)
    image = it.viewer.layers["gold"]
    it.start()
    it.reach(2)
    if how == "removed":
        it.viewer.layers.remove(image)
    else:
        image.data = picture((30, 40))
    it.wait()
    assert "“gold”" in it.message
    assert "shapes.journal" in it.message
    with Journal.open(it.folder / "shapes.journal") as journal:
        assert len(journal) == 2


def test_shapes_that_go_do_not_stop_the_run(user):
    gate = Event()
    it = user(OneByOne(gate), shapes=3)
    it.start()
    it.reach(1)
    it.viewer.layers.remove("drawn")
    assert "goes on" in it.message
    gate.set()
    it.wait()
    assert len(it.found) == 3


def test_a_closed_panel_loses_nothing(user):
    it = user(OneByOne(Event(), free=2), shapes=5)
    it.start()
    it.reach(2)
    it.viewer.window.remove_dock_widget(it.dock)
    assert wait_for_jobs(10)
    with Journal.open(it.folder / "shapes.journal") as journal:
        assert len(journal) == 2


def test_results_come_while_the_run_goes_on(user):
    gate = Event()
    it = user(OneByOne(gate, free=3, seconds=0.2), shapes=4)
    told = []
    RunBook.of(it.viewer).changed.connect(told.extend)
    it.start()
    it.until(lambda: len(told) >= 1)
    assert 1 <= len(it.found) <= 3
    gate.set()
    it.wait()
    assert sorted(told) == sorted(one.item.key for one in it.found)


def test_another_panel_can_ask_in_between(user):
    gate = Event()
    it = user(OneByOne(gate, free=2), shapes=4)
    it.start()
    it.reach(2)
    it.qtbot.mouseClick(it.view.pause, Qt.MouseButton.LeftButton)
    gate.set()
    it.until(lambda: it.view.progress.value() >= 3)
    with it.handler.models.use(cancel=Event()) as model:  # would wait for ever if it were held
        assert model is it.model
    it.qtbot.mouseClick(it.view.pause, Qt.MouseButton.LeftButton)
    it.wait()
    assert len(it.found) == 4


def test_a_second_run_on_one_journal_is_refused(user):
    it = user()
    it.view.show_journal(str(it.folder / "other.journal"))
    it.run()
    with Journal.open(it.folder / "other.journal") as there:
        run = there.run
    with Journal.create(it.folder / "other.journal", run):
        it.run()
    assert "other.journal" in it.message
    assert not it.handler.is_busy


def test_pixels_are_only_sent_with_consent(user):
    server = "http://192.0.2.1:9/v1#model"
    it = user(preferences=lambda: Preferences(model=server))
    it.start()
    it.until(lambda: it.view.messages.is_asking)
    assert "192.0.2.1:9" in it.view.destination.text()
    it.qtbot.mouseClick(it.view.messages.no, Qt.MouseButton.LeftButton)
    it.wait()
    assert "Nothing was sent" in it.message
    assert it.model.seen == 0


def test_the_journal_follows_what_is_looked_at_until_it_is_chosen(user):
    it = user()
    assert it.view.journal_path.endswith("shapes.journal")
    it.choose("tiles")
    assert it.view.journal_path.endswith("tiles.journal")
    it.view.show_journal("mine.journal")
    it.view.journal_changed.emit()
    it.choose("shapes")
    assert it.view.journal_path == "mine.journal"


def test_what_failed_is_not_said_of_another_source(user):
    someone = user()
    someone.view.classify.setChecked(False)
    someone.start()
    assert someone.message
    someone.choose("tiles")
    assert someone.message == ""
    someone.view.classify.setChecked(True)
    someone.run()
    assert someone.message
    someone.choose("shapes")
    assert someone.message == ""
