// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"fmt"
	"iter"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Batch is a batch of normalised images: Shape is N x 3 x H x W, and Pixels holds the values in that order.
type Batch struct {
	Pixels []float32
	Shape  [4]int
	Labels []int // one per image, -1 when unknown
}

// Features are an encoder's outputs for images, row by row.
type Features struct {
	H      torch.Tensor // N x D, float32: the backbone's features
	Z      torch.Tensor // N x d, float32: the projector's embeddings; none for an encoder without projector
	Labels []int        // one per row, -1 when unknown
}

// Free frees the tensors; they live until then.
func (f Features) Free() { torch.Free(f.H, f.Z) }

// Embed runs batches of images through an encoder as in use: with the running statistics of its batch norms, without
// history, and in bfloat16 if autocast is true. params is the tree in which the encoder was built; Embed restores its
// training mode. It needs memory for the activations of one batch. An error of the batches ends it. The error wraps
// [torch.ErrNonFinite] if the network has diverged: if features or embeddings are NaN or infinite.
func Embed(enc parallax.Encoder, params *nn.Params, autocast bool, batches iter.Seq2[Batch, error]) (Features, error) {
	defer params.Train(params.Training())
	params.Train(false)
	var f Features
	err := torch.Scope(func() error {
		var hs, zs []torch.Tensor
		err := each(batches, func(b Batch, x torch.Tensor) {
			torch.Autocast(autocast, func() {
				h := enc.Backbone.Forward(x)
				hs = append(hs, h.To(torch.F32).Keep())
				if enc.Projector != nil {
					zs = append(zs, enc.Projector.Forward(h).To(torch.F32).Keep())
				}
			})
			f.Labels = append(f.Labels, b.Labels...)
		})
		if err != nil {
			return err
		}
		if len(hs) == 0 {
			return errors.New("there are no images")
		}
		h, z := torch.Cat(0, hs...), torch.Tensor{}
		if err := finiteRows("features", h); err != nil {
			return err
		}
		if len(zs) > 0 {
			z = torch.Cat(0, zs...)
			if err := finiteRows("embeddings", z); err != nil {
				return err
			}
			z = z.Own()
		}
		f.H, f.Z = h.Own(), z
		return nil
	})
	if err != nil {
		return Features{}, fmt.Errorf("embedding images: %w", err)
	}
	return f, nil
}

// finiteRows returns an error if rows hold values that are NaN or infinite.
func finiteRows(name string, rows torch.Tensor) error {
	bad := 0
	for _, n := range rows.IsFinite().Not().To(torch.I64).Sum(1).Ints() {
		bad += min(n, 1)
	}
	if bad == 0 {
		return nil
	}
	return fmt.Errorf("the network has diverged: the %s of %d of %d images are %w (NaN or infinity)",
		name, bad, rows.Size(0), torch.ErrNonFinite)
}

// each runs f on every batch, without history and in its own scope.
func each(batches iter.Seq2[Batch, error], f func(b Batch, x torch.Tensor)) error {
	for b, err := range batches {
		if err != nil {
			return err
		}
		if len(b.Labels) != b.Shape[0] {
			return fmt.Errorf("a batch of %d images has %d labels", b.Shape[0], len(b.Labels))
		}
		err := torch.Scope(func() error {
			torch.NoGrad(func() { f(b, torch.FromFloat32(b.Pixels, b.Shape[:]...).ChannelsLast()) })
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
