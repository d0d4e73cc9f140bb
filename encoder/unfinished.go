// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// openCheckpoint reads the encoder of a run that has not exported one yet, from the newest whole checkpoint. text is
// the run's config. Only the method knows which of its networks is the encoder (it may be a momentum teacher), so the
// method builds them all.
func (e *Encoder) openCheckpoint(dir string, text []byte) error {
	m, c, err := variant.Load(text, e.own...)
	if err != nil {
		return err
	}
	name := c.Method.Name
	saved, err := checkpoint.Newest(dir, name)
	if err != nil {
		return err
	}
	e.about = Description{Path: checkpoint.Path(dir, checkpoint.Name(saved.Step)), Step: saved.Step}
	e.about.Encoder = checkpoint.Encoder{
		Architecture: c.Backbone.Name, Width: c.Backbone.Width, Stem: c.Backbone.Stem, Norm: c.Backbone.Norm,
		Size: c.Data.Size, Method: name, Mean: c.Data.Mean, Std: c.Data.Std,
	}
	body, err := e.about.network()
	if err != nil {
		return err
	}
	e.about.Features = body.Features()
	var states []nn.State
	if err := torch.Scope(func() error {
		params := nn.NewParams(0, torch.F32)
		defer params.Free()
		enc := m.Build(&parallax.Build{
			Params: params, Backbone: body, Size: c.Data.Size, Batch: c.Train.Batch, Images: c.Data.Images,
			Steps: max(1, c.Train.MaxSteps),
		})
		if err := params.Load(saved.Networks); err != nil {
			return fmt.Errorf("the weights do not fit the network: %w", err)
		}
		for _, n := range enc.Params.All() {
			states = append(states, nn.StateOf(enc.Params.Local(n), n.Tensor))
		}
		return nil
	}); err != nil {
		return err
	}
	return e.build(states)
}
