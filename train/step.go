// SPDX-License-Identifier: Apache-2.0

package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// term is one reported term of the loss.
type term struct {
	name  string
	value torch.Tensor
}

// prepare makes the optimiser and the schedules of its learning rate and weight decay from the config.
func (t *Trainer) prepare() (err error) {
	t.schedules()
	c := &t.Config.Optim
	if t.rule, err = rule(c); err == nil {
		t.optimizer = optim.New(t.rule(c.WeightDecay), t.params.Trainable())
		t.optimizer.Fuse(t.fused())
	}
	return err
}

func (t *Trainer) schedules() {
	c := &t.Config.Optim
	total := t.Steps
	if t.stages = newStages(t.Config, t.Steps, t.Loader.Recipes); t.stages != nil {
		total = t.stages.planned
	}
	t.schedule = optim.WarmupCosine{
		Base: c.Rate, Start: c.WarmupStart, Final: c.FinalRate, Warmup: c.WarmupSteps, Total: total, Cycles: c.Cycles,
	}
	t.decay = optim.WarmupCosine{Base: c.WeightDecay, Final: c.FinalWeightDecay, Total: total}
	if t.stages != nil {
		t.schedule, t.decay = t.stages.pace(t.schedule), t.stages.pace(t.decay)
		t.Loader.Stage = func(epoch, batch int) []augment.Recipe {
			return t.stages.recipes[t.stages.at((epoch*t.Loader.Steps()+batch)/t.Config.Train.Accumulate)]
		}
	}
}

// rule returns the optimiser of the config as a function of the weight decay.
func rule(c *config.Optim) (func(decay float64) optim.Rule, error) {
	exclude := c.ExcludeBiasAndNorm
	adam := optim.Adam{Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, ExcludeBiasAndNorm: exclude}
	switch c.Name {
	case "sgd":
		return func(decay float64) optim.Rule {
			return optim.SGD{
				Momentum: c.Momentum, WeightDecay: decay, Nesterov: c.Nesterov, ExcludeBiasAndNorm: exclude,
			}
		}, nil
	case "adam":
		return func(decay float64) optim.Rule { adam.WeightDecay = decay; return adam }, nil
	case "adamw":
		return func(decay float64) optim.Rule { adam.WeightDecay = decay; return optim.AdamW(adam) }, nil
	case "lars":
		return func(decay float64) optim.Rule {
			return optim.LARS{
				Momentum: c.Momentum, WeightDecay: decay, Eta: c.Eta, Clip: c.ClipRate, Eps: c.Eps,
				ExcludeBiasAndNorm: exclude,
			}
		}, nil
	}
	return nil, fmt.Errorf("unknown optimiser %q: set optim.name to sgd, adam, adamw or lars", c.Name)
}

// advance processes one batch: forward and backward. After the last batch of an optimiser step it clips the gradients,
// moves the weights, updates the method, reports, and calls the hooks. support is the labelled batch of a
// parallax.Supporter, nil for other methods. A hook's decision is returned with the hook's name.
func (t *Trainer) advance(ctx context.Context, batch, support *dataset.Batch) (by string, d Decision, err error) {
	err = torch.Scope(func() error {
		parts := t.Config.Train.Accumulate
		if t.part == 0 {
			t.loss, t.asks = 0, asks{}
		}
		last := t.part == parts-1
		loss, terms, err := t.forward(batch, support, last)
		if err != nil {
			return err
		}
		labels, index := slices.Clone(batch.Labels), slices.Clone(batch.Index)
		batch.Release()
		mean, err := t.mean(ctx, loss.Item(), terms)
		if err != nil {
			return err
		}
		t.loss += mean / float64(parts)
		if err := t.checkFinite(terms); err != nil {
			return err
		}
		backward := t.span("backward")
		t.backward(loss.Scale(1/float64(parts)), last)
		backward.End()
		if t.part++; !last {
			return nil
		}
		var gradients map[string]run.Number
		if t.reported(t.step + 1) {
			gradients = gradientNorms(t.params.Trainable())
		}
		rate := t.move(func(name string, v torch.Tensor) { terms = append(terms, term{name, v.Detach()}) })
		t.step, t.part, t.rating = t.step+1, 0, rating{}
		t.average.update(t.step)
		t.clock.busy += time.Since(t.clock.mark)
		if err := t.report(terms, gradients, rate); err != nil {
			return err
		}
		defer func() { t.clock.mark = time.Now() }() // time in evaluations is not training time
		told := t.whole(call{t.tap.features, labels, index})
		by, d, err = t.hooked(ctx, func() (string, Decision, error) { return t.callHooks(t.Hooks, told) })
		return err
	})
	return by, d, err
}

// backward adds the gradients of a batch. After the last batch of a step they are those of all processes.
func (t *Trainer) backward(loss torch.Tensor, last bool) {
	if !last || t.group() == nil {
		t.tape.Backward(loss)
		return
	}
	var of []torch.Tensor
	for _, p := range t.params.Trainable() {
		of = append(of, p.Tensor)
	}
	t.group().Average(of, func() { t.tape.Backward(loss) })
}

// forward returns the loss of one batch. It frees all other handles of the forward pass, so that backward can free
// activations as it proceeds. With record it keeps the features h for the hooks.
func (t *Trainer) forward(b, support *dataset.Batch, record bool) (loss torch.Tensor, terms []term, err error) {
	t.tap.recording, t.tap.rows, t.tap.features = record, len(b.Index), torch.Tensor{}
	defer func() { t.tap.recording = false }()
	err = torch.Scope(func() error {
		s := t.state()
		s.Epoch, s.Index, s.Labels = b.Epoch, b.Index, b.Labels
		s.Rand = rand.New(rand.NewPCG(t.Config.Seed, uint64(t.step*t.Config.Train.Accumulate+t.part)))
		s.Report = func(name string, v torch.Tensor) {
			terms = append(terms, term{name, v.Detach().Keep()})
		}
		copying := t.span("copy")
		s.Views = tensors(b)
		if support != nil {
			s.Support = t.labelled(support)
		}
		copying.End()
		var z []torch.Tensor
		forward := t.span("forward")
		t.tape.Record(func() {
			torch.Autocast(t.Config.Train.Precision == config.BF16, func() { z = t.Method.Forward(s) })
		})
		forward.End()
		defer t.span("loss").End()
		for i := range z {
			z[i] = z[i].To(torch.F32) // losses are computed in float32
		}
		loss = t.Method.Loss(s, z).Keep()
		return nil
	})
	return loss, terms, err
}

// tensors returns a batch's views, each N x C x H x W.
func tensors(b *dataset.Batch) (views []torch.Tensor) {
	for _, v := range b.Views {
		views = append(views, torch.FromFloat32(v.Data, v.N, v.C, v.H, v.W).ChannelsLast())
	}
	return views
}

// state is the part of a Step that does not depend on the batch.
func (t *Trainer) state() *parallax.Step {
	s := parallax.NewStep(t.step, t.Steps)
	s.Group, s.Gather = t.group(), t.group().Gather
	if c := t.Config.Train; c.MomentumBatch > 0 {
		s.Batches = float64(c.Batch*c.Accumulate) / float64(c.MomentumBatch)
	}
	s.Epoch, _ = t.position(t.step)
	return s
}

// move clips the gradients, makes the optimiser's step and the method's update, which may report, and returns the
// step's learning rate.
func (t *Trainer) move(report func(term string, value torch.Tensor)) float64 {
	optimiser := t.span("optimiser")
	if c := t.Config.Optim.ClipGrad; c > 0 {
		t.optimizer.ClipNorm(c)
	}
	s := t.state()
	var groups []nn.Group
	if g, ok := parallax.As[parallax.Grouper](t.Method); ok {
		groups = g.Groups(s)
	}
	rate := t.schedule.At(t.step)
	t.optimizer.Use(t.rule(t.decay.At(t.step)))
	t.optimizer.Step(rate, t.Config.Optim.Rate, groups)
	for _, p := range t.params.Trainable() {
		p.Tensor.SetGrad(torch.Tensor{}) // the hooks need the memory
	}
	optimiser.End()
	if u, ok := parallax.As[parallax.Updater](t.Method); ok {
		defer t.span("update").End()
		s.Report = report
		u.Update(s)
	}
	return rate
}

// reported reports whether a step has a line of its own in the log.
func (t *Trainer) reported(step int) bool {
	return step%t.Config.Train.LogEvery == 0 || step == 1 || step == t.Steps
}

// report writes a step line when one is due.
func (t *Trainer) report(terms []term, gradients map[string]run.Number, rate float64) error {
	if !t.reported(t.step) {
		return nil
	}
	defer t.span("report").End()
	spent := t.clock.busy.Seconds()
	images := (t.step - t.clock.logged) * t.Config.Train.Batch * t.Config.Train.Accumulate
	e := run.Event{
		Event: run.StepEnd, Metrics: map[string]run.Number{
			run.Loss: run.Num(t.loss), run.Rate: run.Num(rate), run.ImagesPerSecond: run.Num(float64(images) / spent),
			run.DataWait: run.Num(t.clock.waits.Seconds() / spent),
		},
		Terms: map[string]run.Number{}, Gradients: gradients,
	}
	for _, r := range terms {
		e.Terms[r.name] = run.Num(r.value.Item())
	}
	err := t.emit(e)
	t.clock.busy, t.clock.logged, t.clock.waits = 0, t.step, 0
	return err
}
