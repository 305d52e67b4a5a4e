"""Small data sets in the formats that sources read, by other programs' writers: sources/.

pyarrow 25.0.1, Pillow 13.0.0, Python 3.11's zipfile. Pictures are 24 x 16 PNG of one colour: picture i is
(20 i, 100, 255 - 20 i).
"""

import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

folder = Path(__file__).parent / "sources"


def png(i):
    file = io.BytesIO()
    Image.new("RGB", (24, 16), (20 * i, 100, 255 - 20 * i)).save(file, "PNG")
    return file.getvalue()


# Two shards as Hugging Face's `datasets` writes them, the first in two row groups.
(folder / "parquet").mkdir(parents=True, exist_ok=True)
image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
for split, rows, compression in [("train", range(0, 5), "snappy"), ("validation", range(5, 8), "zstd")]:
    table = pa.table(
        {
            "image": pa.array([{"bytes": png(i), "path": f"{i:05}.png"} for i in rows], image),
            "celeb_id": pa.array([100 + i // 2 for i in rows], pa.int64()),
            "text": pa.array([f"face {i}" for i in rows]),
        }
    )
    pq.write_table(table, folder / f"parquet/{split}-00000-of-00001.parquet", row_group_size=3, compression=compression)

# Without paths, as some data sets are.
table = pa.table({"image": pa.array([{"bytes": png(i), "path": None} for i in range(2)], image)})
pq.write_table(table, folder / "unnamed.parquet")

# A folder for each person, and what macOS adds; one entry in zip64 form.
with zipfile.ZipFile(folder / "people.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for i, name in enumerate(["photos/Ann/1.png", "photos/Ann/2.png", "photos/Ben/1.png"]):
        with archive.open(name, "w", force_zip64=name.endswith("2.png")) as entry:
            entry.write(png(i))
    archive.writestr("photos/README.txt", "who is who")
    archive.writestr("__MACOSX/photos/Ann/._1.png", b"\0\5\26\7")
