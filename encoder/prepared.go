// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"context"
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
)

// Prepared is an image that is ready for the network of the Encoder that made it: 3 x Size x Size normalised values. It
// does not hold the image. It may be embedded any number of times.
type Prepared struct{ pixels []float32 }

// Prepare resizes, crops and normalises an image as [Encoder.Embed] does. A program that prepares images by itself
// decides how many of them are in memory at once.
func (e *Encoder) Prepare(m *augment.Image) (*Prepared, error) {
	if err := check(m); err != nil {
		return nil, fmt.Errorf("preparing an image: it %w", err)
	}
	p := &Prepared{make([]float32, e.plane())}
	e.view(p.pixels, m)
	return p, nil
}

// PreparedBytes is the memory that a Prepared takes.
func (e *Encoder) PreparedBytes() int { return 4 * e.plane() }

// EmbedPrepared returns the features of a prepared image. When ctx ends, it returns ctx's error at once.
func (e *Encoder) EmbedPrepared(ctx context.Context, p *Prepared) ([]float32, error) {
	return e.embedPrepared(ctx, p, false)
}

// EmbedFirst is EmbedPrepared before all requests that wait: it only waits for a forward pass that has begun. It is
// for a check of health, which must not fail because there is much to do.
func (e *Encoder) EmbedFirst(ctx context.Context, p *Prepared) ([]float32, error) {
	return e.embedPrepared(ctx, p, true)
}

func (e *Encoder) embedPrepared(ctx context.Context, p *Prepared, first bool) ([]float32, error) {
	if len(p.pixels) != e.plane() {
		return nil, fmt.Errorf("embedding a prepared image: it has %d values and the network takes %d: another encoder "+
			"prepared it", len(p.pixels), e.plane())
	}
	r := newRequest(ctx, p.pixels, 1)
	err := ctx.Err()
	if err == nil {
		err = e.add(r, first)
	}
	if err == nil {
		err = r.wait()
	}
	if err != nil {
		return nil, fmt.Errorf("embedding a prepared image: %w", err)
	}
	return r.features, nil
}
