// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
)

// Input is an image as the network takes it: its views, resized, cropped and normalised. It needs views x
// channels x size x size x 4 bytes, however large the image was.
type Input struct{ pixels []float32 }

// Prepare makes the Input of an image. With [Encoder.EmbedInputs] it is [Encoder.Embed] in two parts, for a program
// that reads images while the network computes: goroutines prepare images, which they need not keep, and another one
// embeds the inputs.
func (e *Encoder) Prepare(m *augment.Image) (*Input, error) {
	if err := e.takes(m); err != nil {
		return nil, fmt.Errorf("it %w", err)
	}
	in := &Input{make([]float32, e.values())}
	e.input(in.pixels, m)
	return in, nil
}

// InputBytes is the memory that an Input takes.
func (e *Encoder) InputBytes() int { return 4 * e.values() }

// EmbedInputs is [Encoder.Embed] for images that are prepared already, up to [Encoder.Batch] of them. Inputs that are
// given together have the same features bit for bit whenever no other goroutine uses the encoder.
func (e *Encoder) EmbedInputs(ctx context.Context, inputs []*Input) ([][]float32, error) {
	return e.embedInputs(ctx, inputs, false)
}

// EmbedFirst returns the features of a prepared image before all requests that wait: it only waits for a forward pass
// that has begun. It is for a check of health, which must not fail because there is much to do.
func (e *Encoder) EmbedFirst(ctx context.Context, in *Input) ([]float32, error) {
	rows, err := e.embedInputs(ctx, []*Input{in}, true)
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

func (e *Encoder) embedInputs(ctx context.Context, inputs []*Input, first bool) ([][]float32, error) {
	rows, err := e.computeInputs(ctx, inputs, first)
	if err != nil {
		return nil, fmt.Errorf("embedding %d images: %w", len(inputs), err)
	}
	return rows, nil
}

func (e *Encoder) computeInputs(ctx context.Context, inputs []*Input, first bool) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(inputs) < 1 || len(inputs) > e.Batch() {
		return nil, fmt.Errorf("give 1 to %d images at once", e.Batch())
	}
	r := e.request(ctx, len(inputs))
	one := len(r.pixels) / len(inputs)
	for i, in := range inputs {
		if in == nil || len(in.pixels) != one {
			return nil, fmt.Errorf("image %d was not prepared by this encoder", i)
		}
		copy(r.pixels[i*one:], in.pixels)
	}
	if err := e.add(r, first); err != nil {
		return nil, err
	}
	if err := r.wait(); err != nil {
		return nil, err
	}
	return e.rows(r.features), nil
}

// values is how many numbers the network takes of an image: those of all its views.
func (e *Encoder) values() int { return e.views * e.about.Channels() * e.about.Size * e.about.Size }

// input writes the views of an image into pixels.
func (e *Encoder) input(pixels []float32, m *augment.Image) {
	one, upright := len(pixels)/e.views, e.views
	if e.mirror {
		upright /= 2
	}
	e.normalize.View(pixels, m, e.recipe.Draw(m.W, m.H, augment.ViewRand(0, 0, 0, 0))) // nothing is random
	if upright > 1 {
		seed, recipe := contentSeed(m), viewRecipe(e.about.Size)
		for i := 1; i < upright; i++ {
			e.normalize.View(pixels[i*one:], m, recipe.Draw(m.W, m.H, augment.ViewRand(seed, 0, 0, i)))
		}
	}
	if e.mirror {
		mirrored := pixels[upright*one:]
		copy(mirrored, pixels[:upright*one])
		for row := range slices.Chunk(mirrored, e.about.Size) {
			slices.Reverse(row)
		}
	}
}

// viewRecipe makes the views beside that of the evaluation, see [Views].
func viewRecipe(size int) augment.Recipe {
	return augment.Recipe{
		augment.RandomResizedCrop{P: 1, Size: size, Scale: [2]float64{0.5, 1}, Ratio: [2]float64{3. / 4, 4. / 3},
			Interpolation: augment.Bilinear},
		augment.HorizontalFlip{P: 0.5},
	}
}

// contentSeed is a function of an image's size and pixels.
func contentSeed(m *augment.Image) uint64 {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(m.W)), uint64(m.H)))
	h.Write(m.Pix)
	for _, v := range m.Deep {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// rows splits features into rows: the mean over the views of each image, of length 1 if that was asked for.
func (e *Encoder) rows(features []float32) (rows [][]float32) {
	n := e.features
	for ; len(features) > 0; features = features[n*e.views:] {
		row := features[:n:n]
		if e.views > 1 {
			row = mean(features[:n*e.views], n)
		}
		if e.unit {
			unit(row)
		}
		rows = append(rows, row)
	}
	return rows
}

// mean is the mean of rows of n values.
func mean(rows []float32, n int) []float32 {
	out := make([]float32, n)
	for k := range out {
		sum := 0.0
		for at := k; at < len(rows); at += n {
			sum += float64(rows[at])
		}
		out[k] = float32(sum / float64(len(rows)/n))
	}
	return out
}

// unit scales a row to length 1.
func unit(row []float32) {
	sum := 0.0
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return
	}
	for k, v := range row {
		row[k] = float32(float64(v) / math.Sqrt(sum))
	}
}
