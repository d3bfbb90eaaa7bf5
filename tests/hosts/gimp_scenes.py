# SPDX-License-Identifier: Apache-2.0
"""What the spy runs inside GIMP for the tests of its windows: scenes that are set, and questions that set `answer`."""

from __future__ import annotations

RED = (200, 40, 30)
IDS = "answer = [layer.get_id() for layer in image.get_layers()]"
TOP = "answer = image.get_layers()[0].get_id()"
LAST = 'answer = bytes(Gimp.get_parasite("scumble-last").get_data()).hex()'
FAVOURITES = """
import json
kept = Gimp.get_parasite("scumble-favourites")
answer = json.loads(bytes(kept.get_data())) if kept else []
"""
RECENT = FAVOURITES.replace("favourites", "recent")
HISTORY_OF = """
import json
answer = json.loads(bytes(image.get_parasite("scumble-history").get_data()))["entries"]
"""
WITH_LAST_VALUES = """
procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble-stylize")
config = procedure.create_config()
config.set_property("run-mode", Gimp.RunMode.WITH_LAST_VALS)
config.set_property("image", image)
config.set_core_object_array("drawables", image.get_selected_layers())
done = procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
answer = "" if done else Gimp.get_pdb().get_last_error()
"""
SWATCH = f"""
source = image.get_layers()[0]
swatch = Gimp.Layer.new(image, "Embers", 40, 30, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
swatch.get_buffer().set(Gegl.Rectangle.new(0, 0, 40, 30), "R'G'B' u8", bytes({RED}) * 1200)
image.insert_layer(swatch, None, 0)
swatch.set_visible(False)
image.set_selected_layers([source])
"""
VEIL = f"""
source = image.get_layers()[0]
size = image.get_width(), image.get_height()
veil = Gimp.Layer.new(image, "Veil", *size, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
veil.get_buffer().set(Gegl.Rectangle.new(0, 0, *size), "R'G'B' u8", bytes({RED}) * (size[0] * size[1]))
image.insert_layer(veil, None, 0)
image.set_selected_layers([source])
"""
SKY = """
source = image.get_layers()[0]
sky = Gimp.Layer.new(image, "Sky", 400, 300, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
sky.get_buffer().set(Gegl.Rectangle.new(200, 0, 200, 300), "R'G'B' u8", bytes((255, 255, 255)) * 60000)
image.insert_layer(sky, None, 0)
sky.set_visible(False)
image.set_selected_layers([source])
"""
MADE = """
import json
result = [layer for layer in image.get_layers() if layer.get_parasite("scumble")][0]
image.set_selected_layers([result])
answer = json.loads(bytes(result.get_parasite("scumble").get_data()))["others"]
"""
KEPT = """
import json
answer = json.loads(bytes(image.get_layers()[0].get_parasite("scumble").get_data()))["keep_colours"]
"""
SEVERAL = """
source = image.get_layers()[0]
group = Gimp.GroupLayer.new(image, "Group")
image.insert_layer(group, None, 0)
second = source.copy()
image.insert_layer(second, group, 0)
second.set_offsets(7, 8)
image.set_selected_layers([source, second])
"""
MASKED = """
source = image.get_layers()[0]
mask = source.create_mask(Gimp.AddMaskType.WHITE)
source.add_mask(mask)
mask.get_buffer().set(Gegl.Rectangle.new(0, 0, 40, 30), "Y u8", bytes(1200))
source.set_edit_mask(False)
image.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 8, 200, 160)
Gimp.Selection.feather(image, 6.0)
image.set_selected_layers([source])
"""
REPLACED = """
result = image.get_layers()[0]
result.set_opacity(40.0)
result.set_mode(Gimp.LayerMode.SCREEN)
result.set_color_tag(Gimp.ColorTag.GREEN)
image.set_selected_layers([image.get_layers()[1]])
"""
