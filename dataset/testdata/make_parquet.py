# SPDX-License-Identifier: Apache-2.0
"""Writes testdata/huggingface: Parquet files as Hugging Face's library datasets writes them (needs pyarrow, Pillow).

Row i of the training set is an image whose last pixel has the grey value i.
"""

import io
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = pathlib.Path(__file__).parent / "huggingface"
FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": ["zebra", "automobile", "bird"], "_type": "ClassLabel"},
}


def image(value):
    pixels = np.random.default_rng(value).integers(0, 255, (4, 4, 3), np.uint8)
    pixels[-1, -1] = value
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write(name, first, rows, **options):
    images = [{"bytes": image(first + i), "path": f"{i}.png"} for i in range(rows)]
    labels = [-1 if first + i == 5 else (first + i) % 3 for i in range(rows)]
    table = pa.table(
        {
            "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "label": pa.array(labels, pa.int64()),
        }
    )
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})
    pq.write_table(table, ROOT / name, **options)


(ROOT / "data").mkdir(parents=True, exist_ok=True)
write("data/train-00000-of-00002.parquet", 0, 8, row_group_size=3, compression="snappy")
write("data/train-00001-of-00002.parquet", 8, 4, compression="zstd", data_page_version="2.0")
write("data/test-00000-of-00001.parquet", 100, 2, compression="gzip", use_dictionary=False)
