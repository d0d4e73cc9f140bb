// SPDX-License-Identifier: Apache-2.0

// Command searchbench times package search on raw files of float32 rows, for `make bench BENCH=knn`. It prints one JSON
// object: seconds, seconds of processor time, the process's greatest memory in MiB, and the rows that it found.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/parallax-ssl/parallax/search"
	"github.com/parallax-ssl/parallax/torch"
)

func main() {
	var o options
	flag.StringVar(&o.rows, "rows", "", "file of the rows")
	flag.StringVar(&o.queries, "queries", "", "file of the queries")
	flag.IntVar(&o.dim, "dim", 128, "width of a row")
	flag.IntVar(&o.k, "k", 10, "neighbours of a query")
	flag.IntVar(&o.probes, "probes", 0, "lists of an index to look into; 0 for exact search")
	flag.Float64Var(&o.threshold, "duplicates", 0, "find near-duplicates of at least this cosine instead")
	threads := flag.Int("threads", 1, "threads of the engine")
	flag.Parse()
	if err := torch.Scope(func() error { torch.SetThreads(*threads); return nil }); err != nil {
		fail(err)
	}
	told, err := o.measure(context.Background())
	if err != nil {
		fail(err)
	}
	told["rss_mib"] = used().Maxrss / 1024
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "searchbench:", err)
	os.Exit(1)
}

// used returns what this process has used.
func used() (usage syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	return usage
}

// cpu returns the processor time of this process in seconds.
func cpu() float64 {
	usage := used()
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

type options struct {
	rows, queries  string
	dim, k, probes int
	threshold      float64
}

func (o options) measure(ctx context.Context) (map[string]any, error) {
	told := map[string]any{}
	clock := func(name string) func() {
		start, used := time.Now(), cpu()
		return func() { told[name+"_s"], told[name+"_cpu_s"] = time.Since(start).Seconds(), cpu()-used }
	}
	stop := clock("collect")
	rows, err := search.Collect(ctx, o.dim, floats(o.rows, o.dim))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	stop()
	if o.threshold > 0 {
		stop = clock("search")
		groups, err := search.Duplicates(ctx, rows, search.Similar{Threshold: o.threshold})
		stop()
		told["groups"] = len(groups)
		return told, err
	}
	queries, err := search.Collect(ctx, o.dim, floats(o.queries, o.dim))
	if err != nil {
		return nil, err
	}
	defer queries.Close()
	var found [][]search.Match
	if o.probes == 0 {
		one, err := search.Collect(ctx, o.dim, first(o.queries, o.dim))
		if err != nil {
			return nil, err
		}
		defer one.Close()
		stop = clock("first")
		if _, err = search.Nearest(ctx, rows, one, o.k, nil); err != nil {
			return nil, err
		}
		stop()
		stop = clock("search")
		if found, err = search.Nearest(ctx, rows, queries, o.k, nil); err != nil {
			return nil, err
		}
		stop()
	} else {
		stop = clock("build")
		index, err := search.NewIndex(ctx, rows, 0, 1)
		if err != nil {
			return nil, err
		}
		defer index.Close()
		stop()
		stop = clock("search")
		if found, err = index.Nearest(ctx, queries, o.k, o.probes, nil); err != nil {
			return nil, err
		}
		stop()
		told["lists"] = index.Lists()
	}
	numbers := make([][]int, len(found))
	for i, matches := range found {
		for _, m := range matches {
			numbers[i] = append(numbers[i], m.Row)
		}
	}
	told["found"] = numbers
	return told, err
}

// first reads the first row of a file.
func first(path string, dim int) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		for block, err := range floats(path, dim) {
			if err != nil {
				yield(nil, err)
			} else {
				yield(block[:dim], nil)
			}
			return
		}
	}
}

// floats reads a file of rows in blocks.
func floats(path string, dim int) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		block := make([]float32, 4096*dim)
		for {
			n, err := io.ReadFull(f, unsafe.Slice((*byte)(unsafe.Pointer(&block[0])), 4*len(block)))
			if n > 0 && !yield(block[:n/4], nil) {
				return
			}
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}
