// SPDX-License-Identifier: Apache-2.0

package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// ErrNonFinite is wrapped by the error of a run that diverged: its loss, its weights or its embeddings became NaN or
// infinite.
var ErrNonFinite = torch.ErrNonFinite

// calmer is what helps against divergence.
func (t *Trainer) calmer() string {
	remedy := "lower the learning rate (optim.base_rate), lengthen the warm-up, or clip gradients (optim.clip_grad)"
	if t.Config.Train.Precision == config.BF16 {
		remedy += ", or try --precision float32"
	}
	return remedy
}

// checkFinite returns an error when the loss is not finite. The error and an alarm name the first term that is not
// finite, or the weight that was so before.
func (t *Trainer) checkFinite(terms []term) error {
	loss := t.loss
	if !math.IsNaN(loss) && !math.IsInf(loss, 0) {
		return nil
	}
	first := bad(t.params.Trainable()) // batch-norm statistics have seen this batch already
	for _, r := range terms {
		if first != "" {
			break
		}
		if v := r.value.Item(); math.IsNaN(v) || math.IsInf(v, 0) {
			first = r.name
		}
	}
	if first == "" {
		first = "loss"
	}
	_ = t.emit(run.Event{Event: run.Alarm, Name: run.NonFinite, Term: first,
		Metrics: map[string]run.Number{run.Loss: run.Num(loss)}, Message: "the loss is not finite"})
	return fmt.Errorf("the loss is %w: it is %v at step %d, first seen in %q; %s",
		ErrNonFinite, loss, t.step, first, t.calmer())
}

// checkWeights refuses weights that are not finite. A checkpoint of such weights must not displace the good ones.
func (t *Trainer) checkWeights() error {
	return torch.Scope(func() error {
		name := bad(t.params.All())
		if name == "" {
			return nil
		}
		_ = t.emit(run.Event{Event: run.Alarm, Name: run.NonFinite, Term: name, Message: "weights are not finite"})
		if t.step == 0 {
			return fmt.Errorf("the weights to start from are %w: %q has NaN or infinity", ErrNonFinite, name)
		}
		return fmt.Errorf("the weights are %w: step %d made %q infinite or NaN; %s",
			ErrNonFinite, t.step, name, t.calmer())
	})
}

// bad returns the name of the first tensor that is not finite, "" for none.
func bad(all []nn.Named) string {
	for _, n := range all {
		if n.Tensor.IsFinite().Not().To(torch.I64).Sum().Item() > 0 {
			return n.Name
		}
	}
	return ""
}

// blame adds to a hook's error, if it met numbers that are not finite, where these are from and what helps.
func (t *Trainer) blame(err error) error {
	if !errors.Is(err, ErrNonFinite) {
		return err
	}
	if weights := t.checkWeights(); weights != nil {
		return weights
	}
	_ = t.emit(run.Event{Event: run.Alarm, Name: run.NonFinite, Term: "embedding", Message: err.Error()})
	return fmt.Errorf("%w, after step %d, with weights that are still finite; %s", err, t.step, t.calmer())
}
