// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
)

// levels returns the pixels of a PNG as bytes, row by row, red, green and blue.
func levels(t *testing.T, text []byte) (rgb []byte, w, h int) {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := m.(*image.RGBA)
	if !ok {
		n, ok := m.(*image.NRGBA)
		if !ok {
			t.Fatalf("the picture is %T", m)
		}
		p = &image.RGBA{Pix: n.Pix, Stride: n.Stride, Rect: n.Rect} // it is opaque
	}
	w, h = p.Rect.Dx(), p.Rect.Dy()
	for i := range w * h {
		rgb = append(rgb, p.Pix[4*i:4*i+3]...)
	}
	return rgb, w, h
}

// The views that are shown are, byte for byte, those that the loader gives to training: of every row of some batches,
// in several epochs, also where views are smaller in the first half of the run.
func TestViews(t *testing.T) {
	const batch, accumulate, steps = 32, 2, 40
	staged := strings.NewReplacer("  sizes: [] ", "  sizes: [16, 32] ", "  strength: [] ",
		"  strength: [0.5, 1] ").Replace(settings)
	for name, text := range map[string]string{"plain": settings, "stages": staged} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer("batch: 256 ", fmt.Sprintf("batch: %d ", batch), "accumulate: 1 ",
				fmt.Sprintf("accumulate: %d ", accumulate), "max_steps: 0 ", fmt.Sprintf("max_steps: %d ", steps),
				"seed: 1 ", "seed: 17 ").Replace(text)
			dir := filepath.Join(t.TempDir(), "run")
			writeRun(t, dir, text)
			w := local(t, dir)
			p := "/api/runs/" + idAt(t, dir)
			recipes, err := config.Recipes([]byte(text), "config")
			if err != nil {
				t.Fatal(err)
			}
			source, err := dataset.Open("synthetic", dataset.Options{Split: "train", Size: 32})
			if err != nil {
				t.Fatal(err)
			}
			loader := &dataset.Loader{Data: source, Recipes: recipes, Batch: batch, Workers: 1, Seed: 17,
				Normalize: augment.Normalize{Mean: []float32{0, 0, 0}, Std: []float32{1, 1, 1}}}
			if name == "stages" {
				small := []augment.Recipe{recipes[0].Staged(32, 16, 0.5), recipes[1].Staged(32, 16, 0.5)}
				loader.Stage = func(epoch, at int) []augment.Recipe {
					if (epoch*loader.Steps()+at)/accumulate < steps/2 {
						return small
					}
					return recipes
				}
			}
			for _, at := range [][2]int{{0, 3}, {0, 39}, {0, 40}, {1, 0}} {
				epoch := at[0]
				for b, err := range loader.Epoch(t.Context(), epoch, at[1]) {
					if err != nil {
						t.Fatal(err)
					}
					for row := 0; row < batch; row += 5 {
						all := get[[]replayed](t, w, fmt.Sprintf("%s/views?image=%d&epoch=%d", p, b.Index[row], epoch))
						if len(all) != 2 {
							t.Fatalf("%d views", len(all))
						}
						for v, view := range all {
							compareView(t, fmt.Sprintf("epoch %d, batch %d, image %d, view %d", epoch, b.At,
								b.Index[row], v), view, b.Views[v], row)
						}
					}
					break
				}
			}
			// A recipe of one's own is drawn from the same numbers.
			own := url.QueryEscape("augment:\n  - - center_crop: {size: 8}\n")
			all := get[[]replayed](t, w, p+"/views?image=3&epoch=1&recipe="+own)
			if len(all) != 1 || name == "plain" && all[0].W != 8 || len(all[0].Drawn) != 1 {
				t.Errorf("%d views, %dx%d", len(all), all[0].W, all[0].H)
			}
		})
	}
}

// compareView compares a view with a row of a batch whose pixels are levels / 255.
func compareView(t *testing.T, what string, view replayed, row dataset.Pixels, at int) {
	t.Helper()
	rgb, w, h := levels(t, view.PNG)
	if w != row.W || h != row.H || view.W != w || view.H != h || len(view.Drawn) == 0 {
		t.Errorf("%s: %dx%d, the loader's is %dx%d", what, w, h, row.W, row.H)
		return
	}
	plane := row.W * row.H
	data := row.Data[at*3*plane : (at+1)*3*plane]
	for i := range plane {
		for c := range 3 {
			if want := byte(math.Round(float64(data[c*plane+i]) * 255)); rgb[3*i+c] != want {
				t.Errorf("%s: pixel %d is %v, the loader's is %d", what, i, rgb[3*i:3*i+3], want)
				return
			}
		}
	}
}

// An image is shown as the data have it, and smaller where it was asked for.
func TestImages(t *testing.T) {
	w, _, p := aRun(t)
	source, err := dataset.Open("synthetic", dataset.Options{Split: "train", Size: 32})
	if err != nil {
		t.Fatal(err)
	}
	s := get[shelf](t, w, p+"/images?from=4990&count=100")
	if s.Of != 5000 || len(s.Images) != 10 || s.Images[0].Index != 4990 || s.Views != 2 || len(s.Classes) != 10 ||
		s.Images[0].Label != source.Label(4990) || s.Images[0].Name != source.Name(4990) {
		t.Errorf("%+v", s)
	}
	if recipes, err := config.Recipes([]byte(s.Recipe), "recipe"); err != nil || len(recipes) != 2 {
		t.Errorf("the recipe cannot be used: %v\n%s", err, s.Recipe)
	}
	want, err := source.Image(7)
	if err != nil {
		t.Fatal(err)
	}
	rgb, width, height := levels(t, w.ask(t, "GET", p+"/images/7?side=0", "").text)
	if width != want.W || height != want.H || !bytes.Equal(rgb, want.Pix) {
		t.Errorf("image 7 is another one of %dx%d", width, height)
	}
	if _, width, height := levels(t, w.ask(t, "GET", p+"/images/7?side=9", "").text); width != 9 || height != 9 {
		t.Errorf("%dx%d", width, height)
	}
	for path, status := range map[string]int{"/images/5000": 404, "/images/-1": 404, "/images/x": 400,
		"/images/1?side=9999": 400,
		"/images?from=-1":     400, "/images?count=0": 400, "/images?count=100000": 400, "/views?image=5000": 404,
		"/views?epoch=-1": 400,
		"/views?recipe=x": 400, "/views?recipe=augment:": 400} {
		refused(t, path, w.ask(t, "GET", p+path, ""), status)
	}
}

// A recipe that would need much memory or time is refused.
func TestGreatRecipes(t *testing.T) {
	w, _, p := aRun(t)
	for _, recipe := range []string{
		"augment:\n  - - resize: {size: 16384}\n",
		"augment:\n" + strings.Repeat("  - - resize: {size: 2000}\n", 60),
		"augment:\n  - - resize: {size: 4000}\n" + strings.Repeat("    - horizontal_flip: {p: 1}\n", 300),
		"augment: &a [*a, *a]", "augment:\n  - - nothing: {}\n", "augment: [[[[[[[[[[]]]]]]]]]]", "a: &x [1]\nb: [*x]",
	} {
		a := w.ask(t, "GET", p+"/views?recipe="+url.QueryEscape(recipe), "")
		refused(t, fmt.Sprintf("%.60q", recipe), a, http.StatusBadRequest)
	}
}

// Of a run that trained on pairs of images the view of the other image is not shown: only the run knew which it was.
func TestPairs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	writeRun(t, dir, strings.Replace(settings, "name: simsiam ", "name: scan ", 1))
	w := local(t, dir)
	p := "/api/runs/" + idAt(t, dir)
	if all := get[[]replayed](t, w, p+"/views?image=1"); len(all) != 1 {
		t.Errorf("%d views", len(all))
	}
	if s := get[shelf](t, w, p+"/images"); s.Views != 1 {
		t.Errorf("%d views", s.Views)
	}
}

// Data that cannot be opened are said to be so, and are opened once they are there.
func TestMissingData(t *testing.T) {
	top := t.TempDir()
	data, dir := filepath.Join(top, "data"), filepath.Join(top, "run")
	writeRun(t, dir, strings.NewReplacer("path: synthetic ", "path: "+data+" ", "images: 5000 ", "images: 1 ",
		"split: train ", "split: none ").Replace(settings))
	w := local(t, dir)
	p := "/api/runs/" + idAt(t, dir)
	for _, rest := range []string{"/images", "/images/0", "/views", "/quarantine/0"} {
		refused(t, rest, w.ask(t, "GET", p+rest, ""), http.StatusUnprocessableEntity)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(data, "a.png"), b.String())
	if s := get[shelf](t, w, p+"/images"); s.Of != 1 {
		t.Errorf("%+v", s)
	}
}
