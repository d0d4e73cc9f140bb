// SPDX-License-Identifier: Apache-2.0

// Package report applies package search to embeddings of images, and tells the result in words and pictures: images
// like others ([Similar]), near-duplicates ([Duplicates]), outliers ([Outliers]), images to label ([Select]) and a map
// ([Map]). Each takes a file of embeddings, or a run and images, which it embeds first. Each returns a [Report]: a
// table, which is also written as CSV and JSON, and pictures, as a PNG and as an HTML page that needs no other file.
//
//	r, err := report.Duplicates(ctx, report.DuplicatesRequest{
//		Source:    report.Source{In: "photos.parquet", Data: "photos"},
//		Threshold: 0.95,
//	})
//	...
//	fmt.Print(r.Text())
//	err = r.Write(ctx, "duplicates.html")
//
// Memory grows with the number of images by their paths and some 50 bytes each, not by their embeddings, which wait in
// a temporary file.
package report
