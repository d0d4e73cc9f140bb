// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Comparison is the greatest difference between the features of the file and those of the encoder, over a batch.
type Comparison struct {
	Images     int     `json:"images"`
	Height     int     `json:"height"`
	Width      int     `json:"width"`
	Difference float64 `json:"difference"`
	Greatest   float64 `json:"greatest"` // absolute value of a feature of the encoder
}

// Tolerance is the allowed difference of float32 exports, and HalfTolerance of float16. Where the greatest absolute
// value of the batch's features is above 1, it is multiplied by that.
const (
	Tolerance     = 1e-4
	HalfTolerance = 2e-2
)

func (w *written) tolerance() float64 {
	if w.Half {
		return HalfTolerance
	}
	return Tolerance
}

// batches are the sizes of the batches that are compared.
var batches = []int{1, 2, 7}

// sample is one real image: as the encoder takes it, and with other sides.
type sample struct{ usual, other *augment.Image }

// samples reads the images for the comparison.
func (r *Request) samples(ctx context.Context, d encoder.Description) ([]sample, error) {
	source, err := r.images(d)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	source.Require(d.Format())
	want := batches[len(batches)-1]
	h, w := otherSides(d.Size)
	var all []sample
	var last error
	for _, i := range dataset.Order(source.Len(), 0, 0)[:min(source.Len(), 100*want)] {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		img, release, err := source.Hold(i)
		if err != nil {
			last = err
			continue
		}
		none := augment.ViewRand(0, 0, i, 0) // nothing is drawn
		large := augment.EvalRecipe(max(h, w)).View(img, none)
		part := augment.Crop{W: w, H: h, OutW: w, OutH: h}.Apply(large)
		all = append(all, sample{augment.EvalRecipe(d.Size).View(img, none), part})
		release()
		if len(all) == want {
			return all, nil
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("none of the images for the comparison can be read (%w): name others with --data", last)
	}
	for have := len(all); len(all) < want; { // fewer images than a batch holds
		all = append(all, all[len(all)%have])
	}
	return all, nil
}

// images opens the run's images, or those of the request.
func (r *Request) images(d encoder.Description) (*dataset.Source, error) {
	o := dataset.Options{Size: d.Size, Channels: d.Kept}
	if r.Data != "" {
		return dataset.Open(r.Data, o)
	}
	c, _, err := r.settings()
	if errors.Is(err, run.ErrNoRun) {
		return nil, run.Invalid(fmt.Errorf("%s does not name images for the comparison: name some with --data", r.Run))
	}
	if err != nil {
		return nil, err
	}
	o.Split, o.Labels, o.Decoder, o.Size = c.Data.Split, c.Data.Labels, c.Data.Decoder, c.Data.Size
	source, _, err := dataset.OpenAgain(c.Data.Path, o, c.Data.Images)
	if err != nil {
		return nil, fmt.Errorf("the run's images, for the comparison: %w; others can be named with --data", err)
	}
	return source, nil
}

// otherSides are a height and a width that differ from each other and from size. Patches of 16 pixels fit.
func otherSides(size int) (h, w int) {
	up := func(n int) int { return (n + 15) / 16 * 16 }
	h = up(size + size/4)
	return h, max(up(size+size/2), h+16)
}

// compare computes features from the file at path and by the encoder, and compares them.
func (w *written) compare(ctx context.Context, path string, samples []sample) (all []Comparison, err error) {
	forward, done, err := w.Format.kind().open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the file again: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	for _, other := range []bool{false, true} {
		for _, n := range batches {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			images := make([]*augment.Image, n)
			for i, s := range samples[:n] {
				images[i] = s.usual
				if other {
					images[i] = s.other
				}
			}
			c, err := w.difference(forward, images)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
			if limit := w.tolerance() * max(1, c.Greatest); c.Difference > limit {
				return nil, fmt.Errorf("%w: by %.2g on %d images of %d x %d pixels, %.2g is allowed; nothing was "+
					"written", ErrDiffers, c.Difference, n, c.Height, c.Width, limit)
			}
		}
	}
	return all, nil
}

// difference compares the features of images of equal size.
func (w *written) difference(forward func(torch.Tensor) torch.Tensor, images []*augment.Image) (Comparison, error) {
	n, height, width := len(images), images[0].H, images[0].W
	d := w.encoder.Describe()
	normalize, one := d.Normalize(), d.Channels()*height*width
	planes, levels := make([]float32, n*one), []byte{}
	for i, img := range images {
		normalize.CHW(planes[i*one:], img)
		levels = append(levels, img.Pix...)
	}
	c := Comparison{Images: n, Height: height, Width: width}
	err := w.encoder.Network(func(layer nn.Layer, _ *nn.Params) error {
		var want, got []float32
		torch.NoGrad(func() {
			torch.Autocast(false, func() {
				x := torch.FromFloat32(planes, n, d.Channels(), height, width)
				want = layer.Forward(x.ChannelsLast()).Float32s()
				if w.Preprocess {
					x = torch.FromBytes(levels, torch.U8, n, height, width, 3)
				}
				got = forward(x).To(torch.F32).Float32s()
			})
		})
		if len(got) != len(want) || len(want) != n*d.Features {
			return fmt.Errorf("%w: %d numbers instead of %d", ErrDiffers, len(got), len(want))
		}
		for i := range want {
			c.Greatest = max(c.Greatest, math.Abs(float64(want[i])))
			diff := math.Abs(float64(got[i]) - float64(want[i]))
			if math.IsNaN(diff) {
				diff = math.Inf(1)
			}
			c.Difference = max(c.Difference, diff)
		}
		return nil
	})
	return c, err
}
