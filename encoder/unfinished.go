// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// openCheckpoint reads the encoder of a run from the checkpoint that was asked for, or else the newest whole one. text
// is the run's config. Only the method knows which of its networks is the encoder (it may be a momentum teacher), so
// the method builds them all.
func (e *Encoder) openCheckpoint(dir string, text []byte) error {
	m, c, err := variant.Load(text, e.own...)
	if err != nil {
		return err
	}
	name := c.Method.Name
	var saved *checkpoint.Checkpoint
	if e.at >= 0 {
		saved, err = checkpoint.ReadNetworks(checkpoint.Path(dir, checkpoint.Name(e.at)), name)
	} else {
		saved, err = checkpoint.Newest(dir, name)
	}
	if err != nil {
		return err
	}
	e.about = Description{Path: checkpoint.Path(dir, checkpoint.Name(saved.Step)), Step: saved.Step}
	e.about.Encoder = checkpoint.Encoder{
		Architecture: c.Backbone.Name, Width: c.Backbone.Width, Stem: c.Backbone.Stem, Norm: c.Backbone.Norm,
		Size: c.Data.Size, Method: name, Mean: c.Data.Mean, Std: c.Data.Std, Samples: c.Data.Samples,
	}
	if c.Data.Kept() {
		e.about.Kept = c.Data.Channels
	}
	body, err := e.about.network()
	if err != nil {
		return err
	}
	e.about.Features = body.Features()
	if e.wanted == LayerProjector {
		return e.project(m, c, body, saved.Networks)
	}
	var states []nn.State
	if err := torch.Scope(func() error {
		params := nn.NewParams(0, torch.F32)
		defer params.Free()
		enc := m.Build(building(params, body, c))
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

// building is what the method of a run with config c builds its networks from.
func building(params *nn.Params, body parallax.Backbone, c *config.Config) *parallax.Build {
	return &parallax.Build{Params: params, Backbone: body, Size: c.Data.Size, Batch: c.Train.Batch,
		Images: c.Data.Images, Steps: max(1, c.Train.MaxSteps)}
}

// project makes the encoder of a checkpoint with its projector. It keeps all of the method's networks.
func (e *Encoder) project(m parallax.Method, c *config.Config, body parallax.Backbone, states []nn.State) error {
	e.prepares()
	e.params = nn.NewParams(0, torch.F32)
	e.params.Train(false)
	return e.made(torch.Scope(func() error {
		enc := m.Build(building(e.params, body, c))
		if enc.Projector == nil {
			return fmt.Errorf("%s has no projector: take the layer %s or %s", c.Method.Name, LayerBackbone, LayerBlocks)
		}
		e.params.Train(false)
		if err := e.params.Load(states); err != nil {
			return fmt.Errorf("the weights do not fit the network: %w", err)
		}
		e.layer = nn.Sequential{enc.Backbone, enc.Projector}
		torch.NoGrad(func() {
			blank := torch.Zeros(torch.F32, 1, e.about.Channels(), c.Data.Size, c.Data.Size)
			e.features = e.layer.Forward(blank.ChannelsLast()).Size(1)
		})
		return nn.Finite(states)
	}))
}
