// SPDX-License-Identifier: Apache-2.0

package embed_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/embed"
	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// untrained writes an untrained network into a file, instead of a run's.
func untrained(dir string, seed uint64) (path string, err error) {
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("encoder-%d.safetensors", seed)))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), torch.Scope(func() error {
		network, err := backbone.New("resnet8", 4, backbone.Small)
		if err != nil {
			return err
		}
		p := nn.NewParams(seed, torch.F32)
		defer p.Free()
		network.Build(p)
		return nn.WriteStates(f, p.State(), map[string]string{
			"architecture": "resnet8", "width": "4", "stem": "small", "norm": "batch", "method": "simclr",
			"features": "16", "size": "16", "mean": "[0.5 0.5 0.5]", "std": "[0.2 0.2 0.2]",
		})
	})
}

// photos writes n images into two folders of classes; every seventh, from the third, is no image.
func photos(t testing.TB, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		m := image.NewGray(image.Rect(0, 0, 20+i%5, 20))
		for k := range m.Pix {
			m.Pix[k] = byte(r.IntN(256))
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		if i%7 == 3 {
			b.Truncate(b.Len() / 3)
		}
		path := filepath.Join(dir, []string{"cat", "dog"}[i%2], fmt.Sprintf("%03d.png", i))
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err := errors.Join(err, os.WriteFile(path, b.Bytes(), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// request returns a request for n photos.
func request(t testing.TB, n int, name string) embed.Request {
	t.Helper()
	weights, err := untrained(t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return embed.Request{Run: weights, Data: photos(t, n), Out: filepath.Join(t.TempDir(), name), Threads: 1, Batch: 8}
}

func rows(t *testing.T, path string) (rows []embedding.Row, f *embedding.File) {
	t.Helper()
	f, err := embedding.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for b, err := range f.Blocks(context.Background(), 10) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, b.Rows...)
	}
	return rows, f
}

// Each row has what the encoder gives for its image, in the data set's order; bad images cost their own row.
func TestRun(t *testing.T) {
	q := request(t, 30, "x.parquet")
	q.Version = "1.2.3"
	r, err := embed.Run(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rows != 30 || r.Failed != 4 || r.Dim != 16 || r.Resumed != 0 || len(r.Failures) != 4 {
		t.Errorf("%+v", r)
	}
	source, err := dataset.Open(q.Data, dataset.Options{Split: "all"})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	e, err := encoder.Open(q.Run)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	got, f := rows(t, q.Out)
	for i, row := range got {
		name := source.Name(i)
		file, err := os.ReadFile(filepath.Join(q.Data, name))
		if err != nil {
			t.Fatal(err)
		}
		if row.Path != name || row.SHA256 != fmt.Sprintf("%x", sha256.Sum256(file)) ||
			row.Label != source.Classes[source.Label(i)] {
			t.Errorf("row %d is %+v, of %s", i, row, name)
		}
		img, err := source.Image(i)
		if (err == nil) != (row.Status == embedding.OK) || (err == nil) != (row.Reason == "") {
			t.Errorf("row %d: status %s, reason %q, the image: %v", i, row.Status, row.Reason, err)
		}
		if strings.Contains(row.Reason, name) {
			t.Errorf("row %d: its reason repeats its name: %s", i, row.Reason)
		}
		if err != nil {
			continue
		}
		want, err := e.Embed(context.Background(), []*augment.Image{img})
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range want[0] {
			if d := v - row.Vector[k]; d > 1e-5 || d < -1e-5 {
				t.Fatalf("row %d differs by %g from the encoder's", i, d)
			}
		}
	}
	card := f.Card()
	weights, err := e.WeightsSHA256()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		embedding.CardMethod: "simclr", embedding.CardFingerprint: source.Fingerprint, embedding.CardViews: "1",
		embedding.CardLayer: "backbone", embedding.CardVersion: "1.2.3", embedding.CardWeights: weights,
		embedding.CardModel: "resnet8, width 4, stem small, norm batch",
	} {
		if card[key] != want {
			t.Errorf("the card's %s is %q, want %q", key, card[key], want)
		}
	}
}

// errStop ends a run after some rows.
var errStop = errors.New("stop")

// interrupted runs q until so many rows are finished.
func interrupted(t *testing.T, q embed.Request, rows int) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	q.Progress = func(p embed.Progress) {
		if p.Done >= rows {
			cancel(errStop)
		}
	}
	if _, err := embed.Run(ctx, q); !errors.Is(err, errStop) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("the run ended with %v", err)
	}
}

// A call after an interruption goes on, reads no finished image again but for a few, and writes the same bytes.
func TestResume(t *testing.T) {
	for _, end := range embedding.Endings() {
		q := request(t, 60, "x"+end)
		whole := q
		whole.Out = filepath.Join(t.TempDir(), "x"+end)
		if _, err := embed.Run(context.Background(), whole); err != nil {
			t.Fatal(err)
		}
		interrupted(t, q, 16)
		interrupted(t, q, 40)
		tear(t, q)
		q.Threads, q.Batch = 0, 0 // as before
		r, err := embed.Run(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if r.Resumed < 32 || r.Resumed >= 60 || r.Rows != 60 {
			t.Errorf("%+v", r)
		}
		for i, path := range embedding.Files(q.Out) {
			got, _ := os.ReadFile(path)
			want, _ := os.ReadFile(embedding.Files(whole.Out)[i])
			if !bytes.Equal(got, want) || len(want) == 0 {
				t.Errorf("%s: other bytes after interruptions", path)
			}
		}
		if left, _ := os.ReadDir(filepath.Dir(q.Out)); len(left) != len(embedding.Files(q.Out)) {
			t.Errorf("%v is left", left)
		}
	}
}

// tear appends a part of a record to the rows that are kept, as a kill does.
func tear(t *testing.T, q embed.Request) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(q.Out+".partial", "rows"), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write([]byte{200, 1, 0, 0, 1, 2, 3, 4, 5})
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A call that would not make the same file does not go on.
func TestOther(t *testing.T) {
	q := request(t, 60, "x.csv")
	interrupted(t, q, 16)
	other, err := untrained(t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(want string, q embed.Request) {
		t.Helper()
		_, err := embed.Run(context.Background(), q)
		var invalid *run.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") ||
			!strings.Contains(err.Error(), "--force") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for want, change := range map[string]func(*embed.Request){
		"weights":          func(q *embed.Request) { q.Run = other },
		`layer "backbone"`: func(q *embed.Request) { q.Layer = encoder.LayerBlocks },
		"1 views":          func(q *embed.Request) { q.Views = 2 },
		"normalize false":  func(q *embed.Request) { q.Normalize = true },
		"batches of 8":     func(q *embed.Request) { q.Batch = 4 },
		"1 threads":        func(q *embed.Request) { q.Threads = 2 },
		"other labels":     func(q *embed.Request) { q.Labels = "none" },
	} {
		q := q
		change(&q)
		refused(want, q)
	}
	// The content of a finished image changes, but not its size.
	first := filepath.Join(q.Data, "cat", "000.png")
	before, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(before)
	changed[len(changed)-20] ^= 1
	if err := os.WriteFile(first, changed, 0o666); err != nil {
		t.Fatal(err)
	}
	refused("had another content", q)
	if err := os.WriteFile(first, before, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := embed.Run(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	refused("exists already", q)
	q.Force, q.Layer = true, encoder.LayerBlocks
	interrupted(t, q, 16)
	if _, f := rows(t, q.Out); f.Dim() != 16 {
		t.Error("an interrupted call replaced the file")
	}
	if r, err := embed.Run(context.Background(), q); err != nil || r.Resumed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, f := rows(t, q.Out); f.Dim() != 28 {
		t.Error("the file was not replaced")
	}
}

// Without a readable image there is an error and no file.
func TestNone(t *testing.T) {
	q := request(t, 4, "x.csv")
	for _, keep := range []string{"cat/000.png", "dog/001.png", "cat/002.png"} {
		if err := os.Truncate(filepath.Join(q.Data, keep), 40); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := embed.Run(context.Background(), q); !errors.Is(err, embed.ErrNone) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(q.Out)); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// A folder that is removed, of the images or of the output, is an error of one line.
func TestRemoved(t *testing.T) {
	for _, what := range []string{"data", "partial", "folder"} {
		q := request(t, 200, filepath.Join("x.npy"))
		q.Progress = func(p embed.Progress) {
			if p.Done == 16 {
				paths := map[string]string{"data": q.Data, "partial": q.Out + ".partial", "folder": filepath.Dir(q.Out)}
				if err := os.RemoveAll(paths[what]); err != nil {
					t.Error(err)
				}
			}
		}
		_, err := embed.Run(context.Background(), q)
		if err == nil || strings.Contains(oneLine(err), "panic") || run.IsOutput(err) != (what != "data") {
			t.Errorf("%s removed: %v", what, err)
		}
		if _, err := os.Stat(q.Out); err == nil {
			t.Errorf("%s removed: there is an output", what)
		}
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Memory does not grow with the number of images.
func TestFlat(t *testing.T) {
	heap := func(images int) (most uint64) {
		q := request(t, images, "x.npy")
		calls := 0
		q.Progress = func(embed.Progress) {
			if calls++; calls%8 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
		if _, err := embed.Run(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		return most
	}
	few, many := heap(300), heap(3000)
	// A data set has some hundred bytes an image for its name and label. An image would have 1,600, its input 3,072.
	if grown := int64(many) - int64(few); grown > 2700*600 {
		t.Errorf("%d bytes for 300 images, %d for 3,000", few, many)
	}
}

// ExampleRun embeds the images of a data set. A real program passes the directory of a run.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "embed")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	weights, err := untrained(dir, 1)
	if err != nil {
		fmt.Println(err)
		return
	}

	result, err := embed.Run(context.Background(), embed.Request{
		Run: weights, Data: "synthetic:50", Out: filepath.Join(dir, "images.parquet"), Normalize: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d rows of %d dimensions, %d failed\n", result.Rows, result.Dim, result.Failed)
	// Output:
	// 60 rows of 16 dimensions, 0 failed
}
