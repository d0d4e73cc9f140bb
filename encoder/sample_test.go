// SPDX-License-Identifier: Apache-2.0

package encoder_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/pretrain"
)

// A sample has the features that Embed gives of the same images, scaled to length 1.
func TestSample(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("data.path", "synthetic:48"), pretrain.Set("data.size", 16), pretrain.Set("method.name", "simclr"),
		pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 16), pretrain.Set("train.max_steps", 1)}}
	if _, err := pretrain.Run(context.Background(), request, pretrain.Options{Out: out}); err != nil {
		t.Fatal(err)
	}
	s, err := encoder.Sample(t.Context(), out, 12)
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Open("synthetic:48", dataset.Options{Split: s.Split, Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	e, err := encoder.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if len(s.Images) != 12 || s.Width != e.Features() || len(s.Rows) != 12*s.Width || s.Data != "synthetic:48" {
		t.Fatalf("%d images of %s, rows of %d", len(s.Images), s.Data, s.Width)
	}
	for k, image := range s.Images {
		if image.Index != 4*k || image.Name != data.Name(4*k) || image.Label != data.Label(4*k) ||
			s.Classes[image.Label] != data.Classes[image.Label] {
			t.Errorf("image %d is %+v", k, image)
		}
		m, err := data.Image(image.Index)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := e.Embed(t.Context(), []*augment.Image{m})
		if err != nil {
			t.Fatal(err)
		}
		dot, a, b := 0.0, 0.0, 0.0
		for j, v := range s.Row(k) {
			w := float64(rows[0][j])
			dot, a, b = dot+float64(v)*w, a+float64(v)*float64(v), b+w*w
		}
		if math.Abs(a-1) > 1e-5 || math.Abs(dot/math.Sqrt(b)-1) > 1e-5 {
			t.Errorf("image %d has a row of square %g, whose cosine with its features is %g", k, a, dot/math.Sqrt(b))
		}
	}
	if _, err := encoder.Sample(t.Context(), t.TempDir(), 12); err == nil {
		t.Error("a folder that is no run has features")
	}
}
