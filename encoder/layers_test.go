// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// noise returns n images of different sizes.
func noise(n int) []*augment.Image {
	r := rand.New(rand.NewPCG(9, 9))
	images := make([]*augment.Image, n)
	for i := range images {
		images[i] = augment.NewImage(20+3*i, 30)
		for k := range images[i].Pix {
			images[i].Pix[k] = byte(r.IntN(256))
		}
	}
	return images
}

func embedded(t *testing.T, e *Encoder, images []*augment.Image) [][]float32 {
	t.Helper()
	rows, err := e.Embed(context.Background(), images)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Prepare and EmbedInputs are Embed in two parts, to the bit.
func TestInputs(t *testing.T) {
	for _, views := range []int{1, 3} {
		e := open(t, BatchSize(7), Views(views))
		images := noise(e.Batch())
		want := embedded(t, e, images)
		inputs := make([]*Input, len(images))
		for i, m := range images {
			var err error
			if inputs[i], err = e.Prepare(m); err != nil {
				t.Fatal(err)
			}
		}
		got, err := e.EmbedInputs(context.Background(), inputs)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d views: other features (%v)", views, err)
		}
		for _, wrong := range [][]*Input{nil, append(inputs, inputs[0]), {nil}, {{}}} {
			if _, err := e.EmbedInputs(context.Background(), wrong); err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d inputs: %v", len(wrong), err)
			}
		}
		if _, err := e.Prepare(&augment.Image{W: 2, H: 2}); err == nil {
			t.Error("an image without pixels is prepared")
		}
	}
}

// Views averages over views that depend on an image's content alone; one view is the usual one.
func TestViews(t *testing.T) {
	images := noise(4)
	one, same, three := open(t), open(t, Views(1)), open(t, Views(3), BatchSize(6))
	if !reflect.DeepEqual(embedded(t, one, images), embedded(t, same, images)) {
		t.Error("one view has other features than no option")
	}
	rows := embedded(t, three, images)
	moved := embedded(t, three, []*augment.Image{images[2], images[0]})
	if distance(rows[2], moved[0]) > 1e-5 || distance(rows[0], moved[1]) > 1e-5 {
		t.Error("an image elsewhere has other features")
	}
	if distance(rows[0], embedded(t, one, images)[0]) < 1e-4 {
		t.Error("three views have the features of one")
	}
	// The mean is that of the views' own features.
	recipe, by := viewRecipe(side), make([]float32, len(rows[1]))
	for v := range 3 {
		view := three.recipe.View(images[1], augment.ViewRand(0, 0, 0, 0))
		if v > 0 {
			view = recipe.View(images[1], augment.ViewRand(contentSeed(images[1]), 0, 0, v))
		}
		for k, x := range embedded(t, one, []*augment.Image{view})[0] {
			by[k] += x / 3
		}
	}
	if d := distance(by, rows[1]); d > 1e-5 {
		t.Errorf("the mean of the views differs by %g", d)
	}
	for _, n := range []int{0, -1, 7} {
		_, err := Open(write(t, nil), Views(n), BatchSize(6))
		if err == nil || !strings.Contains(err.Error(), "views") {
			t.Errorf("%d views: %v", n, err)
		}
	}
}

// Mirror gives an image and its mirror image the same features, the mean of both.
func TestMirror(t *testing.T) {
	images := noise(3)
	one, both := open(t), open(t, Mirror(), BatchSize(6))
	for _, m := range images {
		mirrored := augment.Flip{}.Apply(m.Clone())
		a, b := embedded(t, one, []*augment.Image{m})[0], embedded(t, one, []*augment.Image{mirrored})[0]
		if distance(a, b) < 1e-3 {
			t.Fatal("the mirror image has the same features without Mirror")
		}
		rows := embedded(t, both, []*augment.Image{m, mirrored})
		if d := distance(rows[0], rows[1]); d > 1e-5 {
			t.Errorf("the mirror image's features differ by %g", d)
		}
		for k := range a {
			a[k] = (a[k] + b[k]) / 2
		}
		if d := distance(rows[0], a); d > 1e-5 {
			t.Errorf("the features differ from the mean by %g", d)
		}
	}
	if both.Batch() != 3 {
		t.Errorf("a batch of 6 takes %d images, want 3", both.Batch())
	}
	views := open(t, Mirror(), Views(2), BatchSize(4))
	if d := distance(embedded(t, views, images[:1])[0], embedded(t, both, images[:1])[0]); d < 1e-4 {
		t.Error("the second view counts for nothing")
	}
	if _, err := Open(write(t, nil), Mirror(), Views(4), BatchSize(6)); err == nil {
		t.Error("more views than a batch has: no error")
	}
}

// Normalize gives rows of length 1 in the same direction.
func TestNormalize(t *testing.T) {
	images := noise(3)
	plain, scaled := embedded(t, open(t), images), embedded(t, open(t, Normalize()), images)
	for i, row := range scaled {
		length, dot, before := 0.0, 0.0, 0.0
		for k, v := range row {
			length += float64(v) * float64(v)
			dot += float64(v) * float64(plain[i][k])
			before += float64(plain[i][k]) * float64(plain[i][k])
		}
		if math.Abs(length-1) > 1e-5 || math.Abs(dot-math.Sqrt(before)) > 1e-4 {
			t.Errorf("row %d has length^2 %g and lies %g along a row of length %g", i, length, dot, math.Sqrt(before))
		}
	}
	zeros := make([]float32, 3)
	if unit(zeros); zeros[0] != 0 {
		t.Error("a row of zeros changes")
	}
}

// distance is the greatest difference of two rows.
func distance(a, b []float32) (d float64) {
	for k := range a {
		d = max(d, math.Abs(float64(a[k]-b[k])))
	}
	return d
}

// The last part of blocks is the features themselves, and every network has as many as it says.
func TestBlocks(t *testing.T) {
	images := noise(3)
	plain, blocks := open(t), open(t, Layer(LayerBlocks))
	if plain.Features() != 16 || blocks.Features() != 4+8+16 {
		t.Fatalf("%d features and %d of blocks", plain.Features(), blocks.Features())
	}
	h, b := embedded(t, plain, images), embedded(t, blocks, images)
	for i := range h {
		if d := distance(h[i], b[i][4+8:]); d > 1e-6 {
			t.Errorf("row %d: the last stage differs by %g from the features", i, d)
		}
	}
	for name, s := range map[string]backbone.Spec{
		"resnet50": {Name: "resnet50", Width: 4, Stem: backbone.Small, Size: 32},
		"resnet8":  {Name: "resnet8", Width: 4, Stem: backbone.Small, Size: 32},
		"wrn":      {Name: "wrn28", Width: 4, Stem: backbone.Small, Size: 32},
		"vit":      {Name: "vit_tiny", Width: 8, Stem: "patch8", Size: 32, Norm: nn.LayerStatistics},
	} {
		network, err := s.New()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := torch.Scope(func() error {
			p := nn.NewParams(1, torch.F32)
			defer p.Free()
			built := network.Build(p)
			p.Train(false)
			inner := network.(backbone.Blocker)
			torch.NoGrad(func() {
				x := torch.FromFloat32(make([]float32, 2*3*32*32), 2, 3, 32, 32)
				h, all := built.Forward(x), inner.Blocks(built).Forward(x)
				n, d := all.Size(1), h.Size(1)
				if n != inner.BlockFeatures() || all.Size(0) != 2 {
					t.Errorf("%s: %d features of blocks, it says %d", name, n, inner.BlockFeatures())
				}
				if d := distance(h.Float32s(), all.Narrow(1, n-d, d).Float32s()); d > 1e-6 {
					t.Errorf("%s: the last block differs by %g from the features", name, d)
				}
			})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for layer, want := range map[string]string{LayerProjector: "its run", "head": `"head"`} {
		if _, err := Open(write(t, nil), Layer(layer)); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", layer, err)
		}
	}
}
