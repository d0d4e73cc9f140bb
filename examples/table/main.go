// SPDX-License-Identifier: Apache-2.0

// Command table prints the mean length of the embeddings of each class in a file that parallax embed wrote. It is an
// example of reading such a file: memory stays flat, however long the file is.
//
//	parallax embed --run runs/example --data photos --out photos.parquet
//	go run ./examples/table photos.parquet
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/parallax-ssl/parallax/embedding"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "table: give a file of embeddings: .parquet, .npy or .csv")
		os.Exit(2)
	}
	if err := table(context.Background(), os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "table: "+err.Error())
		os.Exit(1)
	}
}

// table writes each label with its number of images and the mean length of their embeddings.
func table(ctx context.Context, out io.Writer, name string) error {
	f, err := embedding.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	count, sum := map[string]int{}, map[string]float64{}
	for block, err := range f.Blocks(ctx, 1024) {
		if err != nil {
			return err
		}
		for _, i := range block.OK { // the rows whose image could be read
			row := block.Rows[i]
			count[row.Label]++
			sum[row.Label] += length(row.Vector)
		}
	}
	for _, label := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(out, "%q: %d images, mean length %.3g\n", label, count[label], sum[label]/float64(count[label]))
	}
	return nil
}

// length is the Euclidean length of a vector.
func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
