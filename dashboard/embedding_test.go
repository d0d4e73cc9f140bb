// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
)

// colours is an engine whose features are an image's mean colour, turned a little at each step.
type colours struct {
	missing, broken error
	slow            bool
	calls           int
}

func (c *colours) Ready() error { return c.missing }

func (c *colours) Embed(ctx context.Context, _ string, step int, images []*augment.Image) ([][]float32, error) {
	var rows [][]float32
	c.calls++
	if c.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, m := range images {
		rows = append(rows, meanColour(m, step))
	}
	return rows, c.broken
}

func meanColour(m *augment.Image, step int) []float32 {
	row := make([]float32, 3)
	for i, v := range m.Pix {
		row[i%3] += float32(v) / float32(m.W*m.H)
	}
	row[0] += float32(step)
	return row
}

// mappedRun makes a run with the features of test images at some steps, and a server of it.
func mappedRun(t *testing.T, engine Engine, steps ...int) (dir string, s *Server,
	get func(path string, to any) (int, string),
) {
	t.Helper()
	root := t.TempDir()
	dir = filepath.Join(root, "clustering")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	config := `
format: 7
seed: 1
method:
  name: simclr
data:
  path: synthetic:60
  split: train
  size: 16
  images: 60
train:
  batch: 10
augment:
  - - horizontal_flip: {p: 0.5}
`
	if err := os.WriteFile(filepath.Join(dir, run.ConfigFile), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, step := range append(slices.Clone(steps), 1000) {
		checkpoint := filepath.Join(dir, run.CheckpointsDir, fmt.Sprintf("step-%08d", step))
		if err := os.MkdirAll(checkpoint, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	images := testImages(t, "synthetic:60", dataset.SplitTest)
	for _, step := range steps {
		keepFeatures(t, dir, images, step)
	}
	var err error
	if s, err = New(Options{Dirs: []string{root}, Engine: engine}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	id := idOf(mustReal(t, dir))
	get = func(path string, to any) (int, string) {
		t.Helper()
		for {
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8090/api/runs/"+id+path, nil)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			var at struct{ Waiting *waiting }
			if json.Unmarshal(w.Body.Bytes(), &at) == nil && at.Waiting != nil {
				continue
			}
			if to != nil && w.Code == http.StatusOK {
				if err := json.Unmarshal(w.Body.Bytes(), to); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
			}
			return w.Code, w.Body.String()
		}
	}
	return dir, s, get
}

func testImages(t *testing.T, data, split string) *dataset.Source {
	t.Helper()
	images, err := dataset.Open(data, dataset.Options{Split: split, Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { images.Close() })
	return images
}

// keepFeatures keeps the mean colours of test images.
func keepFeatures(t *testing.T, dir string, images *dataset.Source, step int, change ...func(*features.Sample)) {
	t.Helper()
	sample := &features.Sample{Step: step, Data: "synthetic:60", Split: dataset.SplitTest, Width: 3,
		Classes: map[int]string{}}
	for i := range images.Len() {
		m, err := images.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		label := images.Label(i)
		sample.Images = append(sample.Images, features.Image{Index: i, Name: images.Name(i), Label: label})
		sample.Classes[label] = images.Classes[label]
		sample.Rows = append(sample.Rows, meanColour(m, step)...)
	}
	for _, f := range change {
		f(sample)
	}
	if err := features.Save(dir, sample); err != nil {
		t.Fatal(err)
	}
}

// cosineOf is the cosine of two images' mean colours.
func cosineOf(t *testing.T, a, b *augment.Image, step int) float64 {
	t.Helper()
	x, y := meanColour(a, step), meanColour(b, step)
	var xy, xx, yy float64
	for i := range x {
		xy, xx, yy = xy+float64(x[i])*float64(y[i]), xx+float64(x[i])*float64(x[i]), yy+float64(y[i])*float64(y[i])
	}
	return xy / math.Sqrt(xx*yy)
}

// What is said of a map is that of its images: labels, factors, pictures, neighbours then and now.
func TestEmbedding(t *testing.T) {
	_, _, get := mappedRun(t, nil, 0, 50, 100)
	images := testImages(t, "synthetic:60", dataset.SplitTest)
	var about embedded
	if code, text := get("/embedding", &about); code != 200 {
		t.Fatalf("%d: %s", code, text)
	}
	if !slices.Equal(about.Steps, []int{0, 50, 100}) || !slices.Equal(about.Checkpoints, []int{0, 50, 100, 1000}) ||
		about.Own || about.Split != "test" || len(about.Images) != images.Len() || about.Problem != "" ||
		about.Engine == "" {
		t.Errorf("the map is said to be %+v", about)
	}
	for i, image := range about.Images {
		f, _ := images.Factors(i)
		if image.Name != images.Name(i) || image.Label != images.Label(i) ||
			about.Classes[image.Label] != images.Classes[image.Label] || about.Factors[1].Of[i] != f.Colour ||
			about.Factors[3].Of[i] != f.Position {
			t.Errorf("image %d is %+v with colour %d", i, image, about.Factors[1].Of[i])
		}
	}
	var one struct{ Result mapped }
	if code, text := get("/embedding/50", &one); code != 200 {
		t.Fatalf("%d: %s", code, text)
	}
	m := one.Result
	for name, n := range map[string]int{"image": len(m.Image), "x": len(m.X), "y": len(m.Y), "label": len(m.Label),
		"cluster": len(m.Cluster), "apart": len(m.Apart), "disagree": len(m.Disagree),
		"alignment": len(m.Alignment)} {
		if n != images.Len() {
			t.Errorf("the column %s has %d values, want %d", name, n, images.Len())
		}
	}
	pictured := func(i int) *augment.Image {
		p, err := images.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for i := range images.Len() {
		var a thenAndNow
		if code, text := get(fmt.Sprintf("/embedding/50/near?image=%d", i), &a); code != 200 {
			t.Fatalf("%d: %s", code, text)
		}
		if a.Image.Index != i || a.Then.Step != 50 || a.Now.Step != 100 || len(a.Then.Near) != images.Len()-1 {
			t.Fatalf("image %d: %+v", i, a)
		}
		for _, part := range []neighbours{a.Then, a.Now} {
			for k, n := range part.Near {
				if want := cosineOf(t, pictured(i), pictured(n.Index), part.Step); math.Abs(n.Cosine-want) > 1e-3 {
					t.Errorf("step %d: the cosine of %d and %d is %v, want %v", part.Step, i, n.Index, n.Cosine, want)
				}
				if n.Index == i || k > 0 && n.Cosine > part.Near[k-1].Cosine {
					t.Errorf("step %d: the neighbours of %d are %v", part.Step, i, part.Near)
				}
			}
		}
	}
	code, text := get("/embedded/3?side=0", nil)
	p, err := png.Decode(bytes.NewReader([]byte(text)))
	if code != 200 || err != nil {
		t.Fatalf("%d, %v", code, err)
	}
	want := pictured(3)
	r, g, b, _ := p.At(5, 9).RGBA()
	if got := []uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}; !bytes.Equal(got, want.Pix[3*(9*16+5):][:3]) {
		t.Error("the picture is of another image")
	}
	for path, want := range map[string]int{
		"/embedding/51": 404, "/embedding/x": 400, "/embedding/51/near?image=0": 404, "/embedded/99": 404,
		"/embedding/50/near?image=-1": 400, "/embedding/50/near?image=99": 404, "/embedded/x": 400,
		"/checkpoints/50/near?image=0": 501,
	} {
		if code, text := get(path, nil); code != want || !strings.Contains(text, `"error"`) {
			t.Errorf("%s: %d %s, want %d", path, code, text, want)
		}
	}
}

// The clusters are those of the clustering around the run, if it is of the same images, and else those of k-means.
func TestClustersOfTheMap(t *testing.T) {
	dir, s, get := mappedRun(t, nil, 0, 1)
	images := testImages(t, "synthetic:60", dataset.SplitTest)
	clustering := func(name string) {
		lines := "path,cluster,confidence\n"
		for i := range images.Len() - 1 {
			lines += fmt.Sprintf("%s%s,%d,0.5\n", name, images.Name(i), 3*i%7)
		}
		for file, text := range map[string]string{"cluster.json": "{}", "clusters.csv": lines} {
			if err := os.WriteFile(filepath.Join(dir, "..", file), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		s.catalogue.look(t.Context(), 0)
	}
	for step, name := range []string{"", "another/"} {
		clustering(name)
		var one struct{ Result mapped }
		if code, text := get(fmt.Sprintf("/embedding/%d", step), &one); code != 200 {
			t.Fatalf("%d: %s", code, text)
		}
		if k := strings.Contains(one.Result.Clusters, "k-means"); k != (step == 1) {
			t.Errorf("beside clusters of %q the map has those of %s", name, one.Result.Clusters)
		}
		for i, cluster := range one.Result.Cluster {
			want := 3 * i % 7
			if i == images.Len()-1 {
				want = -1
			}
			if step == 0 && cluster != want {
				t.Errorf("image %d is in cluster %d, want %d", i, cluster, want)
			}
		}
	}
}

// A run without features says so. Features whose images are no longer there, or of data that the config does not name,
// have a map and no pictures. Damaged ones are errors, and hostile names are shown harmlessly.
func TestEmbeddingOfOddRuns(t *testing.T) {
	dir, _, get := mappedRun(t, nil)
	var about embedded
	if code, text := get("/embedding", &about); code != 200 || !strings.Contains(text, `"steps":[]`) {
		t.Errorf("without features: %d %s", code, text)
	}
	if code, _ := get("/embedded/0", nil); code != 404 {
		t.Errorf("a picture without features: %d", code)
	}
	images := testImages(t, "synthetic:60", dataset.SplitTest)
	for name, change := range map[string]func(*features.Sample){
		"no longer":   func(s *features.Sample) { s.Images[2].Name = "\x1b[31m\u202egone" },
		"no longer 2": func(s *features.Sample) { s.Images[2].Index = 1 << 40 },
		"not name":    func(s *features.Sample) { s.Data = "/etc" },
		"no split":    func(s *features.Sample) { s.Split = "val" },
	} {
		keepFeatures(t, dir, images, 7, change)
		about = embedded{}
		code, text := get("/embedding", &about)
		if code != 200 || !strings.Contains(about.Problem, strings.TrimSuffix(name, " 2")) ||
			strings.ContainsAny(text, "\x1b\u202e") || len(about.Images) != images.Len() {
			t.Errorf("%s: %d %s", name, code, about.Problem)
		}
		var one struct{ Result mapped }
		if code, text := get("/embedding/7", &one); code != 200 || len(one.Result.X) != images.Len() {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	if code, _ := get("/embedded/0", nil); code == 200 && strings.Contains(about.Problem, "not name") {
		t.Error("a picture of data that the config does not name is shown")
	}
	bad := filepath.Join(dir, run.FeaturesDir, features.FileName(9))
	if err := os.WriteFile(bad, []byte("damaged"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/embedding/9", "/embedding/9/near?image=0"} {
		if code, text := get(path, nil); code != 422 || !strings.Contains(text, "step-00000009") {
			t.Errorf("%s of a damaged file: %d %s", path, code, text)
		}
	}
	if code, text := get("/embedding", &about); code != 200 || !slices.Equal(about.Steps, []int{7, 9}) {
		t.Errorf("beside a damaged file: %d %s", code, text)
	}
	if err := os.RemoveAll(filepath.Join(dir, run.FeaturesDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, run.FeaturesDir)); err != nil {
		t.Fatal(err)
	}
	if code, text := get("/embedding", nil); code == 200 || strings.Contains(text, "passwd") {
		t.Errorf("a link out of the folder: %d %s", code, text)
	}
}

// At a checkpoint the engine embeds the run's data once, and then one image for each question.
func TestNeighboursAtACheckpoint(t *testing.T) {
	engine := &colours{}
	_, _, get := mappedRun(t, engine, 0, 50)
	train, test := testImages(t, "synthetic:60", dataset.SplitTrain), testImages(t, "synthetic:60", dataset.SplitTest)
	for _, c := range []struct {
		query string
		from  *dataset.Source
	}{{"image=5", train}, {"image=5&map=1", test}} {
		var a struct{ Result neighbours }
		if code, text := get("/checkpoints/1000/near?"+c.query, &a); code != 200 {
			t.Fatalf("%d: %s", code, text)
		}
		asked, err := c.from.Image(5)
		if err != nil {
			t.Fatal(err)
		}
		type found struct {
			index  int
			cosine float64
		}
		var want []found
		for i := range train.Len() {
			m, err := train.Image(i)
			if err != nil {
				t.Fatal(err)
			}
			if c.from == train && i == 5 {
				continue
			}
			want = append(want, found{i, cosineOf(t, asked, m, 1000)})
		}
		slices.SortStableFunc(want, func(a, b found) int {
			switch {
			case a.cosine > b.cosine:
				return -1
			case a.cosine < b.cosine:
				return 1
			}
			return 0
		})
		if a.Result.Of != train.Len() || a.Result.Step != 1000 || len(a.Result.Near) != nearest {
			t.Errorf("%s: %+v", c.query, a.Result)
		}
		for k, n := range a.Result.Near {
			if math.Abs(n.Cosine-want[k].cosine) > 1e-4 || n.Name != train.Name(n.Index) {
				t.Errorf("%s: neighbour %d is %+v, want %+v", c.query, k, n, want[k])
			}
		}
	}
	if engine.calls != 3 {
		t.Errorf("the engine was called %d times, want once for the data and once for each image", engine.calls)
	}
	for path, want := range map[string]int{"/checkpoints/7/near?image=0": 404, "/checkpoints/50/near?image=60": 404} {
		if code, text := get(path, nil); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, text, want)
		}
	}
}

// An engine that is missing, fails or takes for ever is an answer of one line, and the pages without it go on.
func TestEngineThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		engine *colours
		code   int
	}{
		"missing": {&colours{missing: errors.New("no engine library\nanywhere")}, 501},
		"broken":  {&colours{broken: errors.New("the weights are damaged")}, 422},
	} {
		_, _, get := mappedRun(t, c.engine, 0)
		code, text := get("/checkpoints/0/near?image=1", nil)
		if code != c.code || strings.Count(text, "\n") != 1 || strings.Contains(text, `\n`) {
			t.Errorf("%s: %d %q", name, code, text)
		}
		var about embedded
		if code, _ := get("/embedding", &about); code != 200 || (about.Engine == "") != (name == "broken") {
			t.Errorf("%s: %d, the page says %q of the engine", name, code, about.Engine)
		}
	}
	dir, s, get := mappedRun(t, &colours{slow: true}, 0)
	w := httptest.NewRecorder()
	url := "http://127.0.0.1:8090/api/runs/" + idOf(mustReal(t, dir)) + "/checkpoints/0/near?image=1"
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"waiting":{"done":0,"of":60}`) {
		t.Errorf("slow: %d %s", w.Code, w.Body)
	}
	if code, _ := get("/embedding", nil); code != 200 {
		t.Errorf("beside a slow engine: %d", code)
	}
}

// A run without probe.detail has its spectra beside its features.
func TestKeptSpectra(t *testing.T) {
	dir, _, get := mappedRun(t, nil)
	images := testImages(t, "synthetic:60", dataset.SplitTest)
	for _, step := range []int{0, 20} {
		keepFeatures(t, dir, images, step, func(s *features.Sample) { s.Spectrum = []float64{4, float64(step), 0.5} })
	}
	keepFeatures(t, dir, images, 30) // an older version kept none
	var all []spectrum
	if code, text := get("/spectra?of=embedding&probe=synthetic:60", &all); code != http.StatusOK || len(all) != 2 ||
		all[1].Step != 20 || !slices.Equal(all[1].Values, []float64{4, 20, 0.5}) {
		t.Errorf("%d: %s", code, text)
	}
	if code, text := get("/spectra?of=embedding&probe=other", &all); code != http.StatusOK || len(all) != 0 {
		t.Errorf("of another probe, %d: %s", code, text)
	}
}
