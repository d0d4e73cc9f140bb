// SPDX-License-Identifier: Apache-2.0

package embedding_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/embedding"
)

// FuzzOpen reads any bytes as a file of each format: it never panics, an error is one line, and what is read is whole.
func FuzzOpen(f *testing.F) {
	for i, c := range formats {
		dir := f.TempDir()
		path := filepath.Join(dir, "x"+c.end)
		write(f, path, embedding.Options{Dim: 3, Float16: c.half, Card: card}, some(9, 3))
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		beside := []byte{}
		if c.end == ".npy" {
			if beside, err = os.ReadFile(filepath.Join(dir, "x.csv")); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(i, text, beside)
		f.Add(i, text[:len(text)*2/3], beside)
	}
	f.Fuzz(func(t *testing.T, format int, text, beside []byte) {
		path := filepath.Join(t.TempDir(), "x"+formats[((format%len(formats))+len(formats))%len(formats)].end)
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".npy") {
			if err := os.WriteFile(strings.TrimSuffix(path, "npy")+"csv", beside, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		opened, err := embedding.Open(path)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		defer opened.Close()
		rows := 0
		for b, err := range opened.Blocks(context.Background(), 4) {
			if err != nil {
				return
			}
			for _, i := range b.OK {
				for _, v := range b.Rows[i].Vector {
					if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
						t.Errorf("row %d has %v", b.Start+i, v)
					}
				}
			}
			rows += len(b.Rows)
		}
		if rows != opened.Len() {
			t.Errorf("%d rows of %d", rows, opened.Len())
		}
	})
}

// A Parquet file with a few wrong bytes never makes the reader take much memory or time.
func TestMutants(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, half := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "x.parquet")
		write(t, path, embedding.Options{Dim: 3, Float16: half}, some(9, 3))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for range 2000 {
			mutant := bytes.Clone(text)
			for range 1 + r.IntN(3) {
				mutant[r.IntN(len(mutant))] = byte(r.IntN(256))
			}
			if err := os.WriteFile(path, mutant, 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := all(path); err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 200<<20 {
		t.Errorf("%d MB more memory", grown>>20)
	}
}
