// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/search/report"
)

// photos writes a file of the embeddings of six images, as parallax embed does.
func photos() (file string, remove func(), err error) {
	folder, err := os.MkdirTemp("", "parallax-example-*")
	if err != nil {
		return "", nil, err
	}
	file = filepath.Join(folder, "photos.parquet")
	w, err := embedding.Create(file, embedding.Options{Dim: 2})
	if err != nil {
		return "", nil, err
	}
	for _, row := range []embedding.Row{
		{Path: "cat.png", Status: embedding.OK, Vector: []float32{1, 0.2}},
		{Path: "cat small.png", Status: embedding.OK, Vector: []float32{1, 0.21}},
		{Path: "dog.png", Status: embedding.OK, Vector: []float32{0.2, 1}},
		{Path: "wolf.png", Status: embedding.OK, Vector: []float32{0.3, 1}},
		{Path: "fox.png", Status: embedding.OK, Vector: []float32{0.7, 1}},
		{Path: "ship.png", Status: embedding.OK, Vector: []float32{-1, -0.3}},
	} {
		if err := w.Write(row); err != nil {
			return "", nil, err
		}
	}
	return file, func() { os.RemoveAll(folder) }, w.Close()
}

// tell prints the columns of a report's table that have the numbers.
func tell(r *report.Report, columns ...int) {
	for _, line := range r.Lines {
		var text []string
		for _, c := range columns {
			if f, ok := line[c].(float64); ok {
				text = append(text, fmt.Sprintf("%.3f", f))
			} else {
				text = append(text, fmt.Sprint(line[c]))
			}
		}
		fmt.Println(strings.Join(text, " "))
	}
}

func ExampleSimilar() {
	file, remove, err := photos()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	r, err := report.Similar(context.Background(), report.SimilarRequest{
		Source: report.Source{In: file}, Images: []string{"cat.png"}, K: 2,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	tell(r, 1, 2, 3)
	// Output:
	// 1 1.000 cat small.png
	// 2 0.723 fox.png
}

func ExampleDuplicates() {
	file, remove, err := photos()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	r, err := report.Duplicates(context.Background(), report.DuplicatesRequest{
		Source: report.Source{In: file}, Threshold: 0.999, Plain: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	tell(r, 0, 2, 9)
	// Output:
	// 1 1.000 cat small.png
	// 1 1.000 cat.png
}

func ExampleOutliers() {
	file, remove, err := photos()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	r, err := report.Outliers(context.Background(), report.OutliersRequest{
		Source: report.Source{In: file}, K: 3, Limit: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	tell(r, 6)
	// Output: ship.png
}

func ExampleSelect() {
	file, remove, err := photos()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	r, err := report.Select(context.Background(), report.SelectRequest{Source: report.Source{In: file}, N: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	tell(r, 0, 2)
	// Output:
	// 1 fox.png
	// 2 ship.png
	// 3 cat.png
}

func ExampleMap() {
	file, remove, err := photos()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	r, err := report.Map(context.Background(), report.MapRequest{Source: report.Source{In: file}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	fmt.Println(r.Columns, len(r.Lines))
	// Output: [x y label path] 6
}
