#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scumble in GIMP 3: Filters > Artistic, and procedures for scripts.

Invariant: nothing but the standard library and gi is imported before a procedure runs, since a plug-in that fails to
import loses its menu entries without a word; whatever fails later is reported in a sentence.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, GLib, GObject  # noqa: E402

STYLIZE = "plug-in-scumble-stylize"
AGAIN = "plug-in-scumble-again"
WHAT_I_SEE = "plug-in-scumble-what-i-see"
LIST = "plug-in-scumble-list-styles"
READWRITE = GObject.ParamFlags.READWRITE
LISTED = (
    ("ids", "Ids", "The styles, as the argument style takes them"),
    ("titles", "Titles", "What they are called"),
    ("methods", "Methods", "The methods that can paint each, separated by blanks"),
)


class Scumble(Gimp.PlugIn):
    """Four procedures; each run is a process of its own."""

    def do_query_procedures(self) -> list[str]:
        return [STYLIZE, AGAIN, WHAT_I_SEE, LIST]

    def do_set_i18n(self, name: str) -> bool:
        return False

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        makers = {STYLIZE: self._make_stylize, AGAIN: self._make_again, WHAT_I_SEE: self._make_visible, LIST: self._make_list}
        procedure = makers[name]()
        procedure.set_attribution("The Scumble authors", "The Scumble authors", "2026")
        return procedure

    def _make_stylize(self) -> Gimp.Procedure:
        p = self._image_procedure(STYLIZE, "Sc_umble…", stylize)
        p.set_documentation(
            "Stylize layers after a painting",
            "Sends each selected layer, or the selected part of it, to the Scumble engine and puts the answer above it as a "
            "new layer. Without style, style-file and style-layer it uses the first style there is.",
            None,
        )
        self._add_arguments(p)
        return p

    def _make_visible(self) -> Gimp.Procedure:
        p = self._image_procedure(WHAT_I_SEE, "Scumble _What I See…", stylize)
        p.set_documentation(
            "Stylize all that is visible, without a group",
            "Sends the image as it shows, or the selected part of it, to the Scumble engine and puts the answer on top as a "
            f"new layer, whichever layers are selected. The arguments are those of {STYLIZE}.",
            None,
        )
        self._add_arguments(p)
        return p

    def _add_arguments(self, p: Gimp.Procedure) -> None:
        """Add the arguments that say how a picture is painted."""
        p.add_string_argument("style", "St_yle", "Id of a style; see " + LIST, "", READWRITE)
        p.add_file_argument(
            "style-file", "Style _picture", "A picture to use as the style", Gimp.FileChooserAction.OPEN, True, None, READWRITE
        )
        p.add_layer_argument("style-layer", "Style _layer", "A layer to use as the style", True, READWRITE)
        p.add_string_argument("method", "_Method", "Id of a method; empty is the first that can paint the style", "", READWRITE)
        p.add_double_argument("strength", "Stren_gth (%)", "How much of the painting shows", 0.0, 1.0, 1.0, READWRITE)
        p.add_double_argument(
            "brush-size", "_Brush size", "How broad the strokes are; 2 is twice as broad", 0.25, 4.0, 1.0, READWRITE
        )
        p.add_string_argument(
            "keep-colours",
            "_Keep colours",
            'How, like "luminance"; empty keeps none; "scumble methods" lists more',
            "",
            READWRITE,
        )
        p.add_boolean_argument(
            "replace",
            "One result _per layer",
            "A new result takes the place of the layer's earlier ones, or of the one that is selected",
            False,
            READWRITE,
        )
        p.add_string_argument(
            "quality", "_Quality", "draft, good or best; empty is what the method does by itself", "", READWRITE
        )
        p.add_string_argument(
            "options", "Further _options", 'More options of the method as JSON, like {"seed": 7}', "", READWRITE
        )
        p.add_string_argument(
            "others",
            "Other _styles",
            'Further styles as JSON, like [{"style": "great-wave", "share": 0.5, "where": "selection"}]',
            "",
            READWRITE,
        )

    def _make_again(self) -> Gimp.Procedure:
        p = self._image_procedure(AGAIN, "Scumble A_gain", again)
        p.set_documentation("Stylize with the last settings", "Repeats the last Scumble on the selected layers.", None)
        return p

    def _image_procedure(self, name: str, label: str, run: Any) -> Gimp.ImageProcedure:
        p = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        # Every image and any selection, so that what cannot be stylized gets an explanation and not a dead menu entry.
        p.set_image_types("*")
        mask = Gimp.ProcedureSensitivityMask
        p.set_sensitivity_mask(mask.DRAWABLE | mask.DRAWABLES | mask.NO_DRAWABLES)
        p.set_menu_label(label)
        p.add_menu_path("<Image>/Filters/Artistic")
        return p

    def _make_list(self) -> Gimp.Procedure:
        p = Gimp.Procedure.new(self, LIST, Gimp.PDBProcType.PLUGIN, list_styles, None)
        p.set_documentation("List the styles of Scumble", "Own styles come first.", None)
        for name, nick, blurb in LISTED:
            p.add_string_array_return_value(name, nick, blurb, READWRITE)
        return p


def stylize(procedure: Any, run_mode: Any, image: Any, drawables: Any, config: Any, data: Any) -> Any:
    """Filters > Artistic > Scumble… and Scumble What I See…, and the procedures for scripts."""

    def work() -> Any:
        import history
        import host
        import parasites
        import run
        from settings import Settings

        visible = host.visible(image) if procedure.get_name() == WHAT_I_SEE else None
        layers = drawables if visible is None else [visible]
        style_from, own, session = None, None, run.open_session()
        try:
            host.check(image, layers)
            windows = run_mode == Gimp.RunMode.INTERACTIVE
            if windows:
                if visible is not None:  # GIMP has last values of this procedure, but the painter's are those of both
                    host.settings_into(config, parasites.remembered() or Settings())
                own = own_values(config, layers[0])
                if not ask(procedure, config, image, layers, session):
                    return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
            else:
                style_from = config.get_property("style-layer") or config.get_property("style-file")
            outcome = run.stylize(session, image, layers, host.settings_of(config), style_from, windows)
        finally:
            session.close()
            if visible is not None and visible.is_valid():
                visible.delete()
            if own is not None:
                host.settings_into(config, own)  # GIMP keeps what the config holds at the end as the last values
        if own is None:
            parasites.remember(outcome.settings)
        if windows:
            history.used(outcome.settings)
        if outcome.message:
            Gimp.message(outcome.message)
        return None

    return guarded(procedure, run_mode, work)


def own_values(config: Any, drawable: Any) -> Any:
    """The painter's last values where a result is to be edited, which changes nothing about them; else None."""
    import host
    import parasites
    from settings import Mistake, Settings

    if parasites.made_of(drawable) is None:
        return None
    try:
        return host.settings_of(config)
    except Mistake:  # a script's
        return Settings()


def ask(procedure: Any, config: Any, image: Any, drawables: Any, session: Any) -> bool:
    """Show the dialogue; a result that is selected is edited: its settings, its source, and the new one in its place."""
    gi.require_version("GimpUi", "3.0")
    from gi.repository import GimpUi

    GimpUi.init(STYLIZE)
    import host
    import parasites
    import places
    from dialog import Dialog
    from settings import others_to_text

    made = parasites.made_of(drawables[0])
    if made is not None:
        others = places.with_current_names(image, made.settings.others)
        host.settings_into(config, replace(made.settings, replace=True, others=others))
    else:  # what was chosen last may have been for another image
        others = places.there(image, host.settings_of(config).others)
        config.set_property("others", others_to_text(others))
    whole = host.settings_of(config).by_selection
    target = host.targets(image, drawables, replacing=False, whole=whole)[0][0]
    return Dialog(procedure, config, image, target, session, made is not None).run()


def again(procedure: Any, run_mode: Any, image: Any, drawables: Any, config: Any, data: Any) -> Any:
    """Filters > Artistic > Scumble Again."""

    def work() -> Any:
        import host
        import parasites
        import run
        from settings import Settings

        host.check(image, drawables)
        session = run.open_session()
        try:
            windows = run_mode != Gimp.RunMode.NONINTERACTIVE
            settings = parasites.remembered() or Settings()
            outcome = run.stylize(session, image, drawables, settings, windows=windows)
        finally:
            session.close()
        if outcome.message:
            Gimp.message(outcome.message)

    return guarded(procedure, run_mode, work)


def list_styles(procedure: Any, config: Any, data: Any) -> Any:
    """The styles, for scripts."""

    def work() -> Any:
        import engine as asking
        import run

        session = run.open_session()
        try:
            rows = asking.titles(run.connect(session).catalogue())
        finally:
            session.close()
        values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
        for number, column in enumerate(zip(*rows) if rows else ((), (), ()), 1):  # noqa: B905
            values.remove(number)
            values.insert(number, GObject.Value(GObject.TYPE_STRV, list(column)))
        return values

    return guarded(procedure, Gimp.RunMode.NONINTERACTIVE, work)


def guarded(procedure: Any, run_mode: Any, work: Any) -> Any:
    """`work()`'s return values (None: a plain success), or a sentence about what went wrong.

    GIMP itself says nothing of calls that fail meanwhile: what it says is for programmers.
    """
    Gegl.init(None)
    Gimp.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
    try:
        values = work()
        if run_mode != Gimp.RunMode.NONINTERACTIVE:
            Gimp.displays_flush()
        return values or procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
    except ImportError as e:
        text = f"The plug-in is incomplete ({e}). Install it again: `scumble plugin install gimp`."
    except Exception as e:
        from run import Closed
        from scumble_client.errors import EngineError
        from settings import Mistake

        if isinstance(e, Closed):
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        text = str(e)
        if not isinstance(e, (EngineError, Mistake)):
            traceback.print_exc()
            text = (
                f"Scumble stopped at something unforeseen. Your layers are as they were. For a report: {type(e).__name__}: {e}"
            )
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), text, 0)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, error)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    Gimp.main(Scumble.__gtype__, sys.argv)
