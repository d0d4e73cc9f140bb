// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"errors"
	"fmt"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
)

// runOptimizer makes the case's steps: gK_J is the gradient of tensor wJ in step K. The reference makes them,
// and the fused optimiser.
func runOptimizer(c *Case) error {
	if err := c.optimize(false); err != nil {
		return err
	}
	return c.optimize(true)
}

func (c *Case) optimize(fused bool) error {
	rule, err := c.rule()
	if err != nil {
		return err
	}
	var params []nn.Named
	for j := 0; c.Has(fmt.Sprintf("in.w%d", j)); j++ {
		name := fmt.Sprintf("w%d", j)
		params = append(params, nn.Named{Name: name, Tensor: c.In(name).RequireGrad(true)})
	}
	if params == nil {
		return errors.New("the case has no tensor in.w0")
	}
	o := optim.New(rule, params)
	o.Fuse(fused)
	defer o.Free()
	rate := c.Number("lr")
	for step := range c.Int("steps") {
		for j, p := range params {
			p.Tensor.SetGrad(c.In(fmt.Sprintf("g%d_%d", step, j)))
		}
		o.Step(rate, rate, nil)
	}
	var wrong []error
	for _, p := range params {
		wrong = append(wrong, c.near(p.Name, p.Tensor, c.Out(p.Name)))
	}
	return all(wrong...)
}

// rule returns the optimiser that the parameters describe; defaults are those of torch.optim and of solo-learn's LARS.
func (c *Case) rule() (optim.Rule, error) {
	usual := 0.0
	if c.Text("name") == "adamw" {
		usual = 0.01 // torch.optim.AdamW's
	}
	momentum, decay := c.NumberOr("momentum", 0), c.NumberOr("weight_decay", usual)
	exclude, nesterov := c.TruthOr("exclude_bias_and_norm", false), c.TruthOr("nesterov", false)
	switch name := c.Text("name"); name {
	case "sgd":
		return optim.SGD{Momentum: momentum, WeightDecay: decay, Nesterov: nesterov, ExcludeBiasAndNorm: exclude}, nil
	case "adam", "adamw":
		betas := []float64{0.9, 0.999}
		if c.HasParam("betas") {
			betas = c.Numbers("betas")
		}
		if len(betas) != 2 {
			return nil, fmt.Errorf("parameter betas is %v, not two numbers", betas)
		}
		adam := optim.Adam{Beta1: betas[0], Beta2: betas[1], Eps: c.NumberOr("eps", 1e-8), WeightDecay: decay,
			ExcludeBiasAndNorm: exclude}
		if name == "adamw" {
			return optim.AdamW(adam), nil
		}
		return adam, nil
	case "lars":
		return optim.LARS{
			Momentum: momentum, WeightDecay: decay, Eta: c.NumberOr("eta", 1e-3), Clip: c.TruthOr("clip_lr", false),
			Eps:      c.NumberOr("eps", 1e-8),
			Nesterov: nesterov, ExcludeBiasAndNorm: exclude,
		}, nil
	default:
		return nil, skip(fmt.Sprintf("optimiser %q is not built", name))
	}
}
