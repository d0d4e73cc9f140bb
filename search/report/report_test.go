// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/search"
	"github.com/parallax-ssl/parallax/search/report"
)

const dim = 6

// album makes 40 images in a folder and a file of their embeddings. Images 0 to 19 and 20 to 38 lie around two
// directions; 39 lies elsewhere. Image 1 is a copy of 0, and 2 is like 0, but smaller. Image 38 failed.
func album(t testing.TB, ending string) (file, folder string) {
	t.Helper()
	folder = t.TempDir()
	file = filepath.Join(folder, "embeddings"+ending)
	images := filepath.Join(folder, "photos")
	if err := os.Mkdir(images, 0o777); err != nil {
		t.Fatal(err)
	}
	w, err := embedding.Create(file, embedding.Options{Dim: dim, Card: embedding.Card{embedding.CardData: images}})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	var first []float32
	for i := range 40 {
		side, shade := 32, uint8(i)
		switch i {
		case 1:
			shade = 0
		case 2:
			side, shade = 16, 0
		}
		data := picture(t, side, shade)
		row := embedding.Row{Path: name(i), Status: embedding.OK, Label: []string{"cat", "dog"}[i/20]}
		if err := os.WriteFile(filepath.Join(images, row.Path), data, 0o666); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		row.SHA256 = hex.EncodeToString(sum[:])
		for j := range dim {
			x := 0.1 * r.NormFloat64()
			if j == i/20 {
				x++
			}
			row.Vector = append(row.Vector, float32(x))
		}
		switch i {
		case 0:
			first = row.Vector
		case 1:
			row.Vector = first
		case 2:
			row.Vector = slices.Clone(first)
			row.Vector[0] += 0.01
		case 38:
			row.Status, row.Reason, row.Vector = embedding.Failed, "truncated", nil
		case 39:
			row.Vector = []float32{-1, -1, 0, 0, 0, -1}
		}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file, images
}

func name(i int) string { return fmt.Sprintf("<b>%02d.png", i) }

func picture(t testing.TB, side int, shade uint8) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, side, side))
	r := rand.New(rand.NewPCG(uint64(shade), 2))
	var cells [64]uint8 // 8 x 8, whatever the side
	for i := range cells {
		cells[i] = uint8(r.IntN(256))
	}
	for i := range img.Pix {
		img.Pix[i] = cells[i/side*8/side*8+i%side*8/side]
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// column returns a column of a report's table as text.
func column(t *testing.T, r *report.Report, name string) (values []string) {
	t.Helper()
	at := slices.Index(r.Columns, name)
	if at < 0 {
		t.Fatalf("there is no column %s in %q", name, r.Columns)
	}
	for _, line := range r.Lines {
		values = append(values, fmt.Sprint(line[at]))
	}
	return values
}

func closed(t *testing.T, r *report.Report, err error) *report.Report {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestSimilar(t *testing.T) {
	for _, ending := range embedding.Endings() {
		file, folder := album(t, ending)
		for _, image := range []string{name(0), filepath.Join(folder, name(0))} {
			for _, index := range []string{report.Exact, report.IVF} {
				q := report.SimilarRequest{Source: report.Source{In: file, Index: index}, Images: []string{image}, K: 2}
				r, err := report.Similar(t.Context(), q)
				closed(t, r, err)
				if got := column(t, r, "path"); !slices.Equal(got, []string{name(1), name(2)}) {
					t.Errorf("%s %s: %s is like %q", ending, index, image, got)
				}
				if said := strings.Contains(r.Text(), "recall: "); said != (index == report.IVF) {
					t.Errorf("%s: the recall is printed: %t", index, said)
				}
				if r.Failed != 1 || r.Rows != 39 || r.Dim != dim {
					t.Errorf("%d rows, %d failed, width %d", r.Rows, r.Failed, r.Dim)
				}
			}
		}
	}
}

func TestDuplicates(t *testing.T) {
	file, _ := album(t, ".parquet")
	for _, linkage := range search.Linkages {
		q := report.DuplicatesRequest{Source: report.Source{In: file}, Threshold: 0.9999, Linkage: linkage}
		r, err := report.Duplicates(t.Context(), q)
		closed(t, r, err)
		if got := column(t, r, "path"); !slices.Equal(got, []string{name(0), name(1), name(2)}) {
			t.Errorf("%s: %q are near-duplicates", linkage, got)
		}
		if got := column(t, r, "by"); got[0] != "pixels" {
			t.Errorf("%s: joined by %q", linkage, got)
		}
		if got := column(t, r, "keep"); !slices.Equal(got, []string{"keep", "", ""}) {
			t.Errorf("%s: keep is %q", linkage, got)
		}
		if got := column(t, r, "copies"); !slices.Equal(got, []string{"2", "2", "1"}) {
			t.Errorf("%s: copies are %q", linkage, got)
		}
		if got := column(t, r, "width"); !slices.Equal(got, []string{"32", "32", "16"}) {
			t.Errorf("%s: widths are %q", linkage, got)
		}
		if !strings.Contains(r.Text(), "pairs, counted: ") {
			t.Errorf("no count of pairs in\n%s", r.Text())
		}
	}
}

func TestOutliers(t *testing.T) {
	file, _ := album(t, ".npy")
	r, err := report.Outliers(t.Context(), report.OutliersRequest{Source: report.Source{In: file}, K: 5, Limit: 3})
	closed(t, r, err)
	if got := column(t, r, "path"); len(got) != 3 || got[0] != name(39) {
		t.Errorf("outliers are %q", got)
	}
	if !strings.Contains(r.Text(), "images of the same bytes as another one, left out: 1\n") {
		t.Errorf("the copy is not named in\n%s", r.Text())
	}
}

func TestSelect(t *testing.T) {
	file, folder := album(t, ".csv")
	labelled := filepath.Join(folder, "labelled.txt")
	if err := os.WriteFile(labelled, []byte(name(0)+"\r\n\nelsewhere.png\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, strategy := range report.Strategies {
		q := report.SelectRequest{Source: report.Source{In: file}, N: 2, Strategy: strategy, Labelled: labelled,
			Seed: 1}
		r, err := report.Select(t.Context(), q)
		closed(t, r, err)
		got := column(t, r, "path")
		if len(got) != 2 || slices.Contains(got, name(0)) {
			t.Errorf("%s: selected %q", strategy, got)
		}
		if strategy == report.DiverseImages && got[0] != name(39) {
			t.Errorf("the first of a diverse selection is %q", got[0])
		}
		if !strings.Contains(r.Text(), "elsewhere.png the first") {
			t.Errorf("the missing path is not named in\n%s", r.Text())
		}
	}
}

func TestMap(t *testing.T) {
	file, _ := album(t, ".parquet")
	for _, method := range report.Methods {
		r, err := report.Map(t.Context(), report.MapRequest{Source: report.Source{In: file}, Method: method, Limit: 30,
			Seed: 1})
		closed(t, r, err)
		if got := column(t, r, "path"); len(got) != 30 || !slices.IsSorted(got) {
			t.Errorf("%s: %q are on the map", method, got)
		}
		if got := column(t, r, "label"); !slices.Contains(got, "dog") || !slices.Contains(got, "cat") {
			t.Errorf("%s: the labels are %q", method, got)
		}
	}
}

// TestWrite writes each kind of file, of each command. A page holds its images, needs nothing from elsewhere, and has
// escaped the names.
func TestWrite(t *testing.T) {
	file, folder := album(t, ".parquet")
	s := report.Source{In: file}
	moved := filepath.Join(t.TempDir(), "moved")
	for command, make := range map[string]func(context.Context) (*report.Report, error){
		"similar": func(ctx context.Context) (*report.Report, error) {
			return report.Similar(ctx, report.SimilarRequest{Source: s, Images: []string{name(3)}})
		},
		"duplicates": func(ctx context.Context) (*report.Report, error) {
			return report.Duplicates(ctx, report.DuplicatesRequest{Source: s, Threshold: 0.98})
		},
		"outliers": func(ctx context.Context) (*report.Report, error) {
			return report.Outliers(ctx, report.OutliersRequest{Source: s})
		},
		"select": func(ctx context.Context) (*report.Report, error) {
			return report.Select(ctx, report.SelectRequest{Source: s, N: 5})
		},
		"map": func(ctx context.Context) (*report.Report, error) {
			return report.Map(ctx, report.MapRequest{Source: s})
		},
	} {
		r, err := make(t.Context())
		closed(t, r, err)
		out := filepath.Join(t.TempDir(), "out")
		for _, ending := range []string{".csv", ".json", ".png", ".html"} {
			if err := r.Write(t.Context(), out+ending); err != nil {
				t.Fatalf("%s%s: %v", command, ending, err)
			}
		}
		f, err := os.Open(out + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil || len(lines) != len(r.Lines)+1 || !slices.Equal(lines[0], r.Columns) {
			t.Errorf("%s: the CSV has %d lines (%v)", command, len(lines), err)
		}
		var read struct {
			Command string
			Rows    int
			Items   []map[string]any
		}
		text, err := os.ReadFile(out + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &read); err != nil || read.Command != command || read.Rows != 39 ||
			len(read.Items) != len(r.Lines) || read.Items[0]["path"] == nil {
			t.Errorf("%s: the JSON is %+v (%v)", command, read, err)
		}
		if text, err = os.ReadFile(out + ".png"); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(text))
		if err != nil || img.Bounds().Dx() < 128 || uniform(img) {
			t.Errorf("%s: the PNG is empty or no PNG (%v)", command, err)
		}
		if text, err = os.ReadFile(out + ".html"); err != nil {
			t.Fatal(err)
		}
		page := string(text)
		if n := strings.Count(page, "data:image/jpeg;base64,"); n < 1 {
			t.Errorf("%s: the page has no images", command)
		}
		if strings.Contains(page, "<b>") || !strings.Contains(page, "&lt;b&gt;") {
			t.Errorf("%s: the page does not escape names", command)
		}
		if from := regexp.MustCompile(`(src|href)="[^d][^"]*"|url\(|@import|<script`).FindString(page); from != "" {
			t.Errorf("%s: the page refers to %s", command, from)
		}
		if strings.Contains(r.Text(), "cannot be read") {
			t.Errorf("%s: images are missing:\n%s", command, r.Text())
		}
	}
	if err := os.Rename(folder, moved); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"", moved} {
		r, err := report.Outliers(t.Context(), report.OutliersRequest{Source: report.Source{In: file, Data: data}})
		closed(t, r, err)
		if err := r.Write(t.Context(), filepath.Join(t.TempDir(), "moved.png")); err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(r.Text(), "20 of 20 images cannot be read"); said != (data == "") {
			t.Errorf("--data %s: it is said that images are missing: %t\n%s", data, said, r.Text())
		}
	}
}

func uniform(img image.Image) bool {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if img.At(x, y) != img.At(b.Min.X, b.Min.Y) {
				return false
			}
		}
	}
	return true
}

func TestRefuse(t *testing.T) {
	file, _ := album(t, ".npy")
	s := report.Source{In: file}
	similar := func(q report.SimilarRequest) func() (*report.Report, error) {
		return func() (*report.Report, error) { return report.Similar(t.Context(), q) }
	}
	for want, f := range map[string]func() (*report.Report, error){
		"no embeddings given: name a file of parallax embed": similar(report.SimilarRequest{Images: []string{"a"}}),
		"no image given": similar(report.SimilarRequest{Source: s}),
		"nowhere.png is neither a path in": similar(report.SimilarRequest{Source: s,
			Images: []string{"nowhere.png"}}),
		"to embed it, name the encoder of that file with --run": similar(report.SimilarRequest{Source: s,
			Images: []string{file}}),
		`unknown index "hnsw"`: similar(report.SimilarRequest{Source: report.Source{In: file, Index: "hnsw"},
			Images: []string{name(0)}}),
		"20000 images to find": similar(report.SimilarRequest{Source: s, Images: []string{name(0)}, K: 20000}),
		"outliers by 60 neighbours among 38 rows": func() (*report.Report, error) {
			return report.Outliers(t.Context(), report.OutliersRequest{Source: s, K: 60})
		},
		"cannot select 100 rows: 39 are not labelled yet": func() (*report.Report, error) {
			return report.Select(t.Context(), report.SelectRequest{Source: s, N: 100})
		},
		`unknown strategy "random"`: func() (*report.Report, error) {
			return report.Select(t.Context(), report.SelectRequest{Source: s, N: 1, Strategy: "random"})
		},
		`unknown method "umap"`: func() (*report.Report, error) {
			return report.Map(t.Context(), report.MapRequest{Source: s, Method: "umap"})
		},
		"reading the labelled images": func() (*report.Report, error) {
			return report.Select(t.Context(), report.SelectRequest{Source: s, N: 1, Labelled: "nowhere.txt"})
		},
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	r, err := report.Map(t.Context(), report.MapRequest{Source: s})
	closed(t, r, err)
	for out, want := range map[string]string{
		"map.pdf": "the ending of its name must be one of", "no/where.csv": "where.csv",
	} {
		if err := r.Write(t.Context(), out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", out, err, want)
		}
	}
}
