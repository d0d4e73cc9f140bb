// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
)

// recorded is the config of a run on synthetic:60, whose seed is 1.
func recorded(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../report/testdata/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Views are those that the loader of training makes, to the pixel, in every epoch.
func TestViewsAreThoseOfTraining(t *testing.T) {
	d, err := Open([]byte(recorded(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l := dataset.Loader{Data: d.Source, Recipes: d.Recipes, Batch: 16, Seed: 1,
		Normalize: augment.Normalize{Mean: []float32{0, 0, 0}, Std: []float32{1, 1, 1}}}
	for epoch := range 2 {
		for batch, err := range l.Epoch(context.Background(), epoch, 0) {
			if err != nil {
				t.Fatal(err)
			}
			for row, index := range batch.Index {
				m, err := d.Image(index)
				if err != nil {
					t.Fatal(err)
				}
				before := slices.Clone(m.Pix)
				views, err := d.Views(m, index, epoch, nil)
				if err != nil || len(views) != len(batch.Views) {
					t.Fatalf("%d views: %v", len(views), err)
				}
				if !slices.Equal(before, m.Pix) {
					t.Fatal("drawing views changes the image")
				}
				for v, view := range views {
					p := batch.Views[v]
					n := p.H * p.W
					pixels := p.Data[3*n*row : 3*n*(row+1)]
					for i := range n {
						for c := range 3 {
							if got := view.Image.Pix[3*i+c]; float64(got) != math.Round(255*float64(pixels[c*n+i])) {
								t.Fatalf("epoch %d, image %d, view %d: pixel %d is %d, and %g in training", epoch,
									index, v, i,
									got, 255*pixels[c*n+i])
							}
						}
					}
				}
			}
		}
	}
}

// Images that are open already are not closed with the data, and others are found only where the config names them.
func TestLent(t *testing.T) {
	source, err := dataset.Open("synthetic:60", dataset.Options{Split: dataset.SplitTrain, Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	d, err := Of([]byte(recorded(t)), source)
	if err != nil {
		t.Fatal(err)
	}
	if d.Source != source || d.Path() != "synthetic:60" || d.Size() != 16 {
		t.Errorf("%s of %d pixels", d.Path(), d.Size())
	}
	test, err := d.Beside("synthetic:60", dataset.SplitTest)
	if err != nil || test.Split != dataset.SplitTest {
		t.Fatalf("the other split: %v", err)
	}
	if _, err := d.Beside("/etc", ""); err == nil {
		t.Error("data that the config does not name is opened")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Image(0); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// A config that is damaged, or whose images are gone, is an error.
func TestMistakes(t *testing.T) {
	good := recorded(t)
	for name, text := range map[string]string{
		"nothing": "", "no YAML": "a: [", "no images": strings.Replace(good, "synthetic:60", "/nowhere", 1),
		"no number": strings.Replace(good, "seed: 1", "seed: many", 1), "no recipe": strings.Replace(good, "augment:",
			"augment: 5\nx:", 1),
	} {
		if d, err := Open([]byte(text)); err == nil {
			t.Errorf("%s: opened %s", name, d.Path())
		} else if strings.Contains(err.Error(), "\n\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A picture keeps its sides' ratio and is never enlarged.
func TestPicture(t *testing.T) {
	m := augment.NewImage(300, 100)
	m.Pix[0] = 200
	if p := Picture(m, 0); p.Rect.Dx() != 300 || p.Pix[0] != 200 || p.Pix[3] != 255 {
		t.Errorf("a whole picture is %v", p.Rect)
	}
	for side, want := range map[int][2]int{150: {150, 50}, 1000: {300, 100}, 1: {1, 1}} {
		if p := Picture(m, side); p.Rect.Dx() != want[0] || p.Rect.Dy() != want[1] {
			t.Errorf("with a side of %d it is %v", side, p.Rect)
		}
	}
}
