"""Draws the letters of the pictures' captions: python make.py (needs pillow and matplotlib, whose DejaVu Sans it uses).

Writes one grey PNG strip for each size, white letters on black, and letters.json with each letter's place:
[x, width, left bearing, advance], pixels.
"""
import json
import os

import matplotlib
from PIL import Image, ImageDraw, ImageFont

letters = "".join(map(chr, range(32, 127))) + "γ·×∇−–…’→"
fonts = os.path.join(os.path.dirname(matplotlib.__file__), "mpl-data", "fonts", "ttf")
out = os.path.join(os.path.dirname(__file__), "..", "..", "apps", "cli", "assets")
table = {}
for name, file, size in [("text", "DejaVuSans.ttf", 17), ("title", "DejaVuSans-Bold.ttf", 24)]:
    font = ImageFont.truetype(os.path.join(fonts, file), size)
    ascent, descent = font.getmetrics()
    height = ascent + descent
    strip = Image.new("L", (len(letters) * 2 * size, height))
    draw = ImageDraw.Draw(strip)
    x, places = 1, {}
    for letter in letters:
        left, _, right, _ = draw.textbbox((0, 0), letter, font=font)
        width = max(0, right - left)
        draw.text((x - left, 0), letter, font=font, fill=255)
        places[letter] = [x, width, left, round(font.getlength(letter), 2)]
        x += width + 2
    strip.crop((0, 0, x, height)).save(os.path.join(out, f"letters-{name}.png"), optimize=True)
    table[name] = {"height": height, "ascent": ascent, "letters": places}
with open(os.path.join(out, "letters.json"), "w") as file:
    json.dump(table, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
