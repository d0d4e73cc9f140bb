// SPDX-License-Identifier: Apache-2.0

package embedding_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/run"
)

var card = embedding.Card{embedding.CardModel: "resnet18, width 64", embedding.CardViews: "1", "own": "ä \"quoted\""}

// some returns n rows of dim dimensions, every seventh of them failed, whose values float16 holds exactly.
func some(n, dim int) []embedding.Row {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	rows := make([]embedding.Row, n)
	for i := range rows {
		rows[i] = embedding.Row{Path: fmt.Sprintf("a folder/%d, \"odd\"\nname.png", i), SHA256: fmt.Sprintf("%064x", i),
			Status: embedding.OK, Label: []string{"", "cat", "dög"}[i%3]}
		if i%7 == 3 {
			rows[i].Status, rows[i].Reason = embedding.Failed, "no image: \"it\", is, text"
			continue
		}
		rows[i].Vector = make([]float32, dim)
		for k := range rows[i].Vector {
			rows[i].Vector[k] = float32(r.IntN(4097)-2048) / 1024
		}
	}
	return rows
}

func write(t testing.TB, path string, o embedding.Options, rows []embedding.Row) {
	t.Helper()
	w, err := embedding.Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rows...), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// read returns all rows, read in blocks of size.
func read(t testing.TB, path string, size int) ([]embedding.Row, *embedding.File) {
	t.Helper()
	f, err := embedding.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []embedding.Row
	for b, err := range f.Blocks(context.Background(), size) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Start != len(rows) || len(b.Vectors) != len(b.OK)*f.Dim() {
			t.Fatalf("the block at %d has %d values for %d vectors after %d rows", b.Start, len(b.Vectors), len(b.OK),
				len(rows))
		}
		for k, i := range b.OK {
			if &b.Rows[i].Vector[0] != &b.Vectors[k*f.Dim()] {
				t.Fatalf("the vector of row %d is no part of Vectors", b.Start+i)
			}
		}
		rows = append(rows, b.Rows...)
	}
	return rows, f
}

var formats = []struct {
	end  string
	half bool
}{{".parquet", false}, {".parquet", true}, {".npy", false}, {".npy", true}, {".csv", false}}

// What is written is read again, in blocks of any size, and the bytes are the same each time.
func TestRoundTrip(t *testing.T) {
	for _, c := range formats {
		for _, size := range []struct{ rows, dim int }{{1, 1}, {50, 3}, {3000, 700}} {
			if c.end == ".csv" && size.rows > 100 {
				size.rows = 300
			}
			name := fmt.Sprintf("%s, half %v, %d x %d", c.end, c.half, size.rows, size.dim)
			want := some(size.rows, size.dim)
			o := embedding.Options{Dim: size.dim, Card: card, Float16: c.half}
			path, again := filepath.Join(t.TempDir(), "x"+c.end), filepath.Join(t.TempDir(), "x"+c.end)
			write(t, path, o, want)
			write(t, again, o, want)
			for _, block := range []int{0, 7, 1 << 20} {
				got, f := read(t, path, block)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s, blocks of %d: other rows come back", name, block)
				}
				if f.Len() != size.rows || f.Dim() != size.dim || f.Float16() != c.half {
					t.Errorf("%s: the file has %d rows of %d dimensions, half %v", name, f.Len(), f.Dim(), f.Float16())
				}
				if !reflect.DeepEqual(f.Card(), card) {
					t.Errorf("%s: its card is %q", name, f.Card())
				}
			}
			a, _ := os.ReadFile(path)
			b, _ := os.ReadFile(again)
			if !bytes.Equal(a, b) || len(a) == 0 {
				t.Errorf("%s: the same rows give other bytes", name)
			}
			entries, _ := os.ReadDir(filepath.Dir(path))
			for _, e := range entries {
				if run.IsTemporary(e.Name()) {
					t.Errorf("%s: %s is left", name, e.Name())
				}
			}
		}
	}
}

// Text that a format would change, or that is no UTF-8, is escaped in the same way in each.
func TestText(t *testing.T) {
	for _, c := range formats {
		path := filepath.Join(t.TempDir(), "x"+c.end)
		write(t, path, embedding.Options{Dim: 1, Float16: c.half}, []embedding.Row{
			{Path: "a\xffb\r\nc\x00d", Status: embedding.Failed, Reason: "\xc3"}, {Path: "", Status: embedding.Failed},
			{Path: "ok", Status: embedding.OK, Vector: []float32{1}},
		})
		rows, _ := read(t, path, 10)
		if rows[0].Path != `a\xffb\x0d`+"\n"+`c\x00d` || rows[0].Reason != `\xc3` || rows[1].Path != "" {
			t.Errorf("%s: %+q", c.end, fmt.Sprint(rows))
		}
	}
}

// A row that a file cannot hold is an error, and no file is left.
func TestRefused(t *testing.T) {
	ok := embedding.Row{Path: "a", Status: embedding.OK, Vector: []float32{1, 2}}
	change := func(f func(*embedding.Row)) embedding.Row { r := ok; f(&r); return r }
	for want, row := range map[string]embedding.Row{
		"3 dimensions":  change(func(r *embedding.Row) { r.Vector = make([]float32, 3) }),
		"0 dimensions":  change(func(r *embedding.Row) { r.Vector = nil }),
		"NaN":           change(func(r *embedding.Row) { r.Vector = []float32{0, float32(math.NaN())} }),
		"+Inf":          change(func(r *embedding.Row) { r.Vector = []float32{float32(math.Inf(1)), 0} }),
		"float16 range": change(func(r *embedding.Row) { r.Vector = []float32{1, 70000} }),
		"but has":       change(func(r *embedding.Row) { r.Status = embedding.Failed }),
		`"good"`:        change(func(r *embedding.Row) { r.Status = "good" }),
		"its path has":  change(func(r *embedding.Row) { r.Path = strings.Repeat("x", 1<<17) }),
	} {
		path := filepath.Join(t.TempDir(), "x.npy")
		w, err := embedding.Create(path, embedding.Options{Dim: 2, Float16: true})
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(ok, row, ok)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "row 1") {
			t.Errorf("%v, want %q", err, want)
		}
		if err := w.Close(); err == nil {
			t.Errorf("%s: Close completes the file", want)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
			t.Errorf("%s: %v is left", want, left)
		}
	}
	for path, o := range map[string]embedding.Options{
		"x.csv": {Dim: 1, Float16: true}, "x.txt": {Dim: 1}, "y.csv": {}, "z.npy": {Dim: embedding.MaxDim + 1},
		filepath.Join("missing", "x.npy"): {Dim: 1},
	} {
		if _, err := embedding.Create(filepath.Join(t.TempDir(), path), o); err == nil ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A file of which something is missing, or damaged, is an error of one line.
func TestDamaged(t *testing.T) {
	for _, c := range formats {
		path := filepath.Join(t.TempDir(), "x"+c.end)
		write(t, path, embedding.Options{Dim: 4, Float16: c.half, Card: card}, some(40, 4))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < len(whole); cut += 1 + len(whole)/50 {
			if err := os.WriteFile(path, whole[:cut], 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := all(path); err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, cut at %d: %q", c.end, cut, err)
			} else if err == nil && c.end != ".csv" { // a CSV file may end after any line
				t.Errorf("%s, cut at %d: it is read", c.end, cut)
			}
		}
	}
	if _, err := embedding.Open(filepath.Join(t.TempDir(), "x.csv")); !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// all reads a file to its end.
func all(path string) (rows int, err error) {
	f, err := embedding.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for b, err := range f.Blocks(context.Background(), 100) {
		if err != nil {
			return rows, err
		}
		rows += len(b.Rows)
	}
	return rows, nil
}

// Blocks ends with the context's error.
func TestCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	write(t, path, embedding.Options{Dim: 1}, some(10, 1))
	f, err := embedding.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range f.Blocks(ctx, 1) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// Memory does not grow with the length of a file.
func TestFlat(t *testing.T) {
	const dim, block = 256, 512
	for _, c := range formats {
		if c.end == ".csv" {
			continue // as slow as it is flat
		}
		path := filepath.Join(t.TempDir(), "x"+c.end)
		w, err := embedding.Create(path, embedding.Options{Dim: dim, Float16: c.half})
		if err != nil {
			t.Fatal(err)
		}
		rows := some(1000, dim)
		var before, during runtime.MemStats
		most := uint64(0)
		runtime.GC()
		runtime.ReadMemStats(&before)
		sample := func() {
			runtime.GC()
			runtime.ReadMemStats(&during)
			most = max(most, during.HeapAlloc)
		}
		for range 60 { // 60 MB of float32
			if err := w.Write(rows...); err != nil {
				t.Fatal(err)
			}
			sample()
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := embedding.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for b, err := range f.Blocks(context.Background(), block) {
			if err != nil {
				t.Fatal(err)
			}
			if n += len(b.Rows); n%(block*20) == 0 {
				sample()
			}
		}
		f.Close()
		if n != 60000 {
			t.Errorf("%s: %d rows", c.end, n)
		}
		if grown := int64(most) - int64(before.HeapAlloc); grown > 40<<20 {
			t.Errorf("%s, half %v: %d MB at most, for a file of 60 MB", c.end, c.half, grown>>20)
		}
	}
}

// The example of the package.
func Example() {
	dir, err := os.MkdirTemp("", "embedding")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "photos.parquet")

	w, err := embedding.Create(path, embedding.Options{Dim: 2, Card: embedding.Card{embedding.CardModel: "resnet18"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = w.Write(
		embedding.Row{Path: "cat.jpg", Status: embedding.OK, Label: "cat", Vector: []float32{0.6, 0.8}},
		embedding.Row{Path: "torn.jpg", Status: embedding.Failed, Reason: "unexpected EOF"},
	)
	if err := errors.Join(err, w.Close()); err != nil {
		fmt.Println(err)
		return
	}

	f, err := embedding.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	fmt.Println(f.Card()[embedding.CardModel], f.Len(), "x", f.Dim())
	for block, err := range f.Blocks(context.Background(), 4096) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range block.Rows {
			fmt.Printf("%s: %s %q %v %q\n", r.Path, r.Status, r.Label, r.Vector, r.Reason)
		}
	}
	// Output:
	// resnet18 2 x 2
	// cat.jpg: ok "cat" [0.6 0.8] ""
	// torn.jpg: failed "" [] "unexpected EOF"
}
