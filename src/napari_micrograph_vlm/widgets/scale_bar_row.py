"""The pixel size that an information bar says, for the user to confirm or mend."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ..readers.scale_proposal import UNITS, ScaleProposal, is_plausible, per_pixel, uncertainty
from .boxes import DecimalBox, offer, value_of
from .panel import PlainLabel, button

__all__ = ["ScaleBarRow"]

_LENGTH_TIP = "The length written at the scale bar; correct it where it was read wrong"
_UNIT_TIP = "The unit of that length"
_USE_TIP = "Give the image this pixel size, and what is drawn on it with it; can be undone"
_UNDO_TIP = "Take the pixel size away again"
_READ_TIP = "Look for a scale bar in the image and read the length written at it"
_FILE_TIP = "Take the pixel size and the instrument's settings from the file of the image"


class ScaleBarRow(QWidget):
    """A length over a number of pixels, and the pixel size that follows; hidden until needed.

    Signals
    -------
    used(ScaleProposal)
        The user confirmed it, perhaps corrected.
    undone()
        The user wants the pixel size taken away again.
    wanted()
        The user wants the scale bar read.
    file_wanted()
        The user wants the pixel size that the image's file gives.
    """

    used = Signal(object)
    undone = Signal()
    wanted = Signal()
    file_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._proposal: ScaleProposal | None = None
        self._has_file = False
        self._can_read = True
        self.what = PlainLabel()
        self.what.setWordWrap(False)
        self.length = DecimalBox()
        self.length.setToolTip(_LENGTH_TIP)
        self.length.setRange(0, 1e6)
        self.length.setDecimals(3)
        self.length.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.length.setSpecialValueText("?")
        self.unit = QComboBox()
        self.unit.setToolTip(_UNIT_TIP)
        self.unit.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        offer(self.unit, [(one, one) for one in UNITS])
        self.pixels = PlainLabel()
        self.pixels.setWordWrap(False)
        self.result = PlainLabel()
        self.use = button("Use", _USE_TIP)
        self.undo = button("Undo", _UNDO_TIP)
        self.read = button("Read the scale bar", _READ_TIP)
        self.file = button("Read from the file", _FILE_TIP)
        self._buttons = (self.use, self.undo, self.read, self.file)
        self._top = QWidget()
        first = QHBoxLayout(self._top)
        second = QHBoxLayout()
        for part in (self.what, self.length, self.unit, self.pixels):
            first.addWidget(part)
        first.addStretch()
        second.addWidget(self.result, 1)
        for each in self._buttons:
            second.addWidget(each)
        rows = QVBoxLayout(self)
        rows.addWidget(self._top)
        rows.addLayout(second)
        for layout in (first, second, rows):
            layout.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        self.length.valueChanged.connect(self._show_result)
        self.unit.activated.connect(self._show_result)
        self.use.clicked.connect(self._use)
        self.undo.clicked.connect(self.undone)
        self.read.clicked.connect(self.wanted)
        self.file.clicked.connect(self.file_wanted)
        self.clear()

    @property
    def proposal(self) -> ScaleProposal | None:
        """What is proposed, with what the user corrected; None where nothing is."""
        if self._proposal is None:
            return None
        value = self.length.value()
        same = self._proposal.length is not None and value == round(self._proposal.length, 3)
        length = self._proposal.length if same else value or None
        return self._proposal.with_length(length, value_of(self.unit))

    def clear(self) -> None:
        """Show nothing."""
        self._proposal = None
        self.hide()

    def set_sources(self, *, file: bool, text: bool) -> None:
        """Set whence the pixel size of this image may be had, for what is shown next.

        Parameters
        ----------
        file : bool
            From the file of the image.
        text : bool
            From what is written at its scale bar: that can be read here.
        """
        self._has_file, self._can_read = file, text

    def show_unknown(self, problem: str = "", *, again: bool = True) -> None:
        """Offer what may give the pixel size.

        Parameters
        ----------
        problem : str
            Why the file did not.
        again : bool
            Whether the scale bar may yet be read.
        """
        self._proposal = None
        text = problem or "The pixel size is not known."
        self._show(text, *([self.read] if again and self._can_read else []))

    def show_reading(self, what: str = "the scale bar") -> None:
        """Show that the scale bar, or the file, is being read."""
        self._proposal = None
        self._has_file = False
        self._show(f"Reading {what}…")

    def show_nothing_found(self) -> None:
        """Show that no scale bar was found."""
        self._proposal = None
        self._show("No scale bar was found, so the pixel size stays unknown.")

    def show_proposal(self, proposal: ScaleProposal, problem: str = "") -> None:
        """Show a pixel size to be confirmed; what the user typed into the same one stays.

        Parameters
        ----------
        proposal : ScaleProposal
            What was read.
        problem : str
            Why the file gave none; shown until the user types.
        """
        if proposal != self._proposal:
            self._proposal = proposal
            self.what.setText(f"{proposal.what}:")
            self.pixels.setText(f"over {proposal.pixels:.4g} pixels")
            self.length.blockSignals(True)
            self.length.setValue(proposal.length or 0)
            self.length.blockSignals(False)
            self.unit.setCurrentIndex(max(self.unit.findData(proposal.unit), 0))
        self._show("", self.use, top=True)
        self._show_result()
        if problem and proposal.length is None and not self.length.value():
            self.result.setText(f"{problem} {self.result.text()}")

    def show_problem(self, sentence: str) -> None:
        """Show why the pixel size could not be used, below what is proposed."""
        self.result.setText(sentence)

    def show_used(self, text: str) -> None:
        """Show which pixel size the image was given."""
        self._proposal = None
        self._has_file = False
        self._show(text, self.undo)

    def _show(self, text: str, *buttons: QWidget, top: bool = False) -> None:
        self._top.setVisible(top)
        self.result.setText(text)
        for each in self._buttons:
            each.setVisible(each in buttons or (each is self.file and self._has_file))
        self.show()

    def _show_result(self) -> None:
        proposal = self.proposal
        size = None if proposal is None else proposal.pixel_size_nm
        self.use.setEnabled(size is not None and is_plausible(size))
        if proposal is None:
            return
        if size is None:
            more = "" if self._can_read else "; the extra “ocr” would read it"
            self.result.setText(f"→ type the length that is written at the scale bar{more}")
        elif is_plausible(size):
            self.result.setText(f"→ {per_pixel(size)}{uncertainty(proposal.error)}")
        else:
            self.result.setText(
                f"→ {per_pixel(size)}, which no microscope gives: correct the length or its unit"
            )

    def _use(self) -> None:
        if self.proposal is not None:
            self.used.emit(self.proposal)
