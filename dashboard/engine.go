// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"

	"github.com/parallax-ssl/parallax/augment"
)

// An Engine computes what only an encoder can tell. Its methods may be called by several goroutines.
type Engine interface {
	// Ready returns why nothing can be computed, or nil.
	Ready() error
	// Embed returns the features of images, a row for each, by the encoder of the run in dir at its checkpoint of a
	// step. It should use one core, because the run may go on beside it.
	Embed(ctx context.Context, dir string, step int, images []*augment.Image) (rows [][]float32, err error)
}
