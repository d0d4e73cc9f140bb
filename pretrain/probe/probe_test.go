// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Only a predictor that is one square matrix is compared with its inputs. The identity shares all eigenvectors.
func TestPredictorsThatAreAligned(t *testing.T) {
	if err := torch.Scope(func() error {
		const d = 6
		params := nn.NewParams(1, torch.F64)
		defer params.Free()
		p := func(name string) *nn.Params { return params.Sub(name) }
		square := nn.NewLinear(p("square"), d, d, false)
		w, _ := params.Get("square.weight")
		torch.Eye(d, torch.F64).CopyInto(w.Detach())
		z := torch.Eye(d, torch.F64).Add(torch.Ones(torch.F64, d, d))
		for name, c := range map[string]struct {
			layer nn.Layer
			want  bool
		}{
			"square": {square, true},
			"bias":   {nn.NewLinear(p("bias"), d, d, true), false},
			"narrow": {nn.NewLinear(p("narrow"), d, 3, false), false},
			"layers": {nn.Sequential{square}, false},
		} {
			var e run.Event
			align(&e, z, c.layer)
			if e.Metrics[run.Commutator].Known != c.want || e.Metrics[run.EigenCosine].Known != c.want {
				t.Errorf("%s: measured %v, want %v", name, e.Metrics[run.Commutator].Known, c.want)
			}
			cosine, commutator := e.Numbers()["eigenvector_cosine"], e.Metrics[run.Commutator].Value
			if c.want && (cosine < 1-1e-9 || commutator > 1e-9) {
				t.Errorf("the identity: cosine %v, commutator %v", cosine, commutator)
			}
		}
		return nil
	}); err != nil && !errors.Is(err, torch.ErrNoEngine) {
		t.Fatal(err)
	}
}

// With a label file for the training images alone, test images take their labels from folders with the file's class
// names.
func TestQueriesTakeTheirLabelsFromFolders(t *testing.T) {
	for _, c := range []struct {
		name, csv string
		folders   []string
		want      []int
	}{
		{"for training alone", "train/0.png,cat\ntrain/1.png,dog\n", []string{"cat", "dog"}, []int{0, 1}},
		{"for the test images, too", "train/0.png,cat\ntrain/1.png,dog\ntest/cat/0.png,dog\n",
			[]string{"cat", "dog"}, []int{1, -1}},
		{"of other names", "train/0.png,cat\ntrain/1.png,dog\n", []string{"cat", "horse"}, []int{-1, -1}},
	} {
		root := t.TempDir()
		for i, name := range []string{
			"train/0.png", "train/1.png", "test/" + c.folders[0] + "/0.png", "test/" + c.folders[1] + "/0.png",
		} {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			img := image.NewGray(image.Rect(0, 0, 9, 9))
			img.Pix[i] = 200
			if err := png.Encode(f, img); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		csv := filepath.Join(t.TempDir(), "labels.csv")
		if err := os.WriteFile(csv, fmt.Appendf(nil, "path,label\n%s", c.csv), 0o666); err != nil {
			t.Fatal(err)
		}
		bank, err := dataset.Open(root, dataset.Options{Labels: csv})
		if err != nil {
			t.Fatalf("labels %s: %v", c.name, err)
		}
		queries, err := selectQueries(bank, dataset.SplitTest, csv)
		if err != nil {
			t.Fatalf("labels %s: %v", c.name, err)
		}
		var got []int
		for i := range queries.Len() {
			got = append(got, queries.Label(i))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("labels %s: the test images have the labels %v, want %v", c.name, got, c.want)
		}
		bank.Close()
	}
}
