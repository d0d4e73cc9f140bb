// SPDX-License-Identifier: Apache-2.0

// Package embedding reads and writes files of embeddings: a table with one row for each image.
//
// The columns are path, sha256, status, reason, label and embedding. [Row] says what they hold. The ending of a file's
// name decides its format:
//
//   - .parquet: the embedding is a fixed-size list of float32 or float16, and null in a failed row. pyarrow and pandas
//     restore the fixed size from the Arrow schema in the metadata. The card is in the metadata, too, as JSON under the
//     key "parallax".
//   - .npy: a matrix of rows x dimensions, float32 or float16, which numpy.load(mmap_mode="r") opens at any size. The
//     row of a failed image is NaN. The other columns are in a CSV file beside it: of x.npy in x.csv. The card is in
//     x.card.json.
//   - .csv: a header line, then a line for each row; instead of the column embedding one column for each dimension, e0,
//     e1 and so on, which are empty in a failed row. The card of x.csv is in x.card.json.
//
// Text in a file is UTF-8. In a path or a reason, a byte that is not UTF-8, a zero byte and a carriage return are
// written as \xNN, with NN the byte in hexadecimal.
//
// A file is read as a stream of blocks and written row by row, so memory does not grow with its length:
//
//	f, err := embedding.Open("photos.parquet")
//	...
//	defer f.Close()
//	for block, err := range f.Blocks(ctx, 4096) {
//		...
//	}
package embedding
