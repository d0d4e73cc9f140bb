// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats/scalar"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/internal/number"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

const (
	probeBatch     = 256      // images per forward pass of a probe
	probeKept      = 64 << 20 // bytes of the pixels of a probe that are kept from one evaluation to the next: 5,000 images of 32 px
	measured       = 2000     // rows whose spectrum is taken: a singular value decomposition of more costs seconds
	predicted      = 1000     // rows of predictions that are measured
	alignmentPairs = 1000     // images of which two views are compared, by alignment and LiDAR
	pictured       = 200      // rows that are drawn in a plane, with probe.detail
	watched        = 512      // images of the guard's sample
	watchAtLeast   = 10       // steps between two looks at it, after the first few
	watches        = 50       // looks in a run that is long enough
	rankSlack      = 0.25     // without labels the best checkpoint is the newest whose RankMe is not further below the highest
)

// Until step Settled, running batch-norm statistics are those of an untrained network. They are then estimated from
// SettleBatches batches.
const (
	Settled       = 50
	SettleBatches = 20
)

// HoldOut is the share of the images that are queries where there is no test split: every fifth.
const HoldOut = 5

// Hook evaluates a run on its probes, and looks at the guard's sample.
type Hook struct {
	*Sets
	linear  *eval.Linear                      // nil when there are no labels, or nobody wants it
	support float64                           // the temperature of the method's vote of labelled images, 0 for none
	assign  func(z torch.Tensor) torch.Tensor // of embeddings to the method's clusters; nil without them
	metrics []Metric
}

// Options say what a Hook is for.
type Options struct {
	Config   *config.Config
	Method   parallax.Method
	Features int             // the width of the backbone's features
	Source   *dataset.Source // the training images
	Metrics  []Metric        // measured beside the built-in ones
}

// New opens the probes of a run: the training data, or the paths that the configuration names. Images are read until ctx
// ends. Close the hook after the run.
func New(ctx context.Context, o Options) (*Hook, error) {
	e := &Hook{Sets: NewSets(ctx, o.Config)}
	e.metrics = append(e.builtIn(), o.Metrics...)
	if err := checkNames(o.Metrics); err != nil {
		return nil, err
	}
	if m, ok := parallax.As[parallax.Supporter](o.Method); ok {
		e.support = m.Support().Temperature
	}
	if m, ok := parallax.As[parallax.Assigner](o.Method); ok {
		e.assign = m.Assign
	}
	paths := e.Config.Probe.Paths
	if len(paths) == 0 {
		paths = []string{e.Config.Data.Path}
	}
	for _, path := range paths {
		var bank *dataset.Source
		var err error
		if d := e.Config.Data; path == d.Path {
			bank, err = o.Source.Select(d.Split, d.Labels)
		} else {
			bank, err = dataset.Open(path, dataset.Options{Size: d.Size, Decoder: d.Decoder})
		}
		if err == nil {
			err = e.Add(path, bank)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening a probe: %w", err), e.Close())
		}
	}
	if classes := len(o.Source.Classes); e.Config.Probe.Linear && classes > 1 {
		if err := torch.Scope(func() error {
			e.linear = eval.NewLinear(o.Features, classes, e.Config.Seed)
			return nil
		}); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// Name is "probe".
func (e *Hook) Name() string { return "probe" }

// State is the linear probe's.
func (e *Hook) State() []nn.State {
	if e.linear == nil {
		return nil
	}
	return e.linear.State()
}

// Load puts the linear probe's state back.
func (e *Hook) Load(states []nn.State) error {
	if e.linear == nil {
		return nil
	}
	return e.linear.Load(states)
}

// After trains the linear probe and evaluates when it is due.
func (e *Hook) After(p *train.Progress) (train.Decision, error) {
	if e.linear != nil && p.Features.Defined() {
		e.linear.Observe(p.Features, p.Labels)
	}
	if !p.Due && !e.watchDue(p) {
		return nil, nil
	}
	if p.Step >= Settled {
		return nil, e.evaluate(p)
	}
	images := e.Probes[0].Some
	if !p.Due {
		images = e.sample
	}
	encoder := nn.Sequential{p.Encoder.Backbone, p.Encoder.Projector}
	if p.Encoder.Predictor != nil {
		encoder = append(encoder, p.Encoder.Predictor)
	}
	restore, err := eval.RecomputeStatistics(p.Params, encoder, e.Autocast(), First(SettleBatches, e.Batches(images, 0)))
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(e.evaluate(p), restore())
}

// watchDue says whether the guard looks: often at the start, when an embedding can collapse within ten steps, then regularly.
func (e *Hook) watchDue(p *train.Progress) bool {
	switch {
	case e.sample == nil:
		return false
	case p.Due:
		return true
	case p.Step < watchAtLeast:
		return p.Step == 1 || p.Step == 2 || p.Step == 5
	}
	return p.Step%max(watchAtLeast, p.Of/watches) == 0 || p.Step == 10 || p.Step == 20
}

func (e *Hook) evaluate(p *train.Progress) error {
	for i, probe := range e.Probes {
		if !p.Due {
			break
		}
		score, slack, err := e.one(probe, p)
		if err != nil {
			return fmt.Errorf("evaluating on %s: %w", probe.Name, err)
		}
		if i == 0 {
			p.Score(score, slack)
		}
	}
	if !e.watchDue(p) {
		return nil
	}
	if err := e.watch(p); err != nil {
		return fmt.Errorf("looking at the guard's sample: %w", err)
	}
	return nil
}

// watch measures the embeddings of the guard's sample.
func (e *Hook) watch(p *train.Progress) error {
	f, err := eval.Embed(p.Encoder, p.Params, e.Autocast(), e.Batches(e.sample, 0))
	if err != nil {
		return err
	}
	defer f.Free()
	event := run.Event{Event: run.Eval, Probe: run.GuardProbe, Of: run.OfEmbedding}
	infinite := false
	if err := torch.Scope(func() error {
		if infinite = f.Z.IsFinite().Not().To(torch.I64).Sum().Item() > 0; !infinite {
			setMetrics(&event, measure.Embedding(f.Z))
		}
		return nil
	}); err != nil || infinite {
		return err // the next step's loss, or the next checkpoint, will not be finite and end the run
	}
	if err := p.Emit(event); err != nil {
		return err
	}
	return e.assignments(p, run.GuardProbe, f.Z)
}

// mostAssigned bounds how many probabilities of assignments are looked at: 2,000 rows of 8,000 clusters, 256 of 65,536.
const mostAssigned = 1 << 24

// assignments measures how embeddings are assigned to the method's clusters, where it has some.
func (e *Hook) assignments(p *train.Progress, probe string, z torch.Tensor) error {
	if e.assign == nil {
		return nil
	}
	event := run.Event{Event: run.Eval, Probe: probe, Of: run.OfAssignments}
	if err := torch.Scope(func() (err error) {
		torch.NoGrad(func() {
			clusters := e.assign(z.Narrow(0, 0, 1)).Size(1)
			a := measure.Assignments(z.Narrow(0, 0, min(measured, z.Size(0), max(1, mostAssigned/clusters))), e.assign)
			event.Dims, event.Rows, event.Used = a.Clusters, a.Rows, a.Used
			event.Metrics = map[string]run.Number{
				run.Perplexity: run.Num(a.Perplexity), run.Information: run.Num(a.Information), run.Individual: run.Num(a.Individual),
				run.TopShare: run.Num(a.TopShare),
			}
		})
		return nil
	}); err != nil {
		return err
	}
	return p.Emit(event)
}

// prediction measures what the method's predictor makes of embeddings, where it has one, and with probe.detail where the gradient
// between two views goes.
func (e *Hook) prediction(p *train.Progress, probe string, z torch.Tensor, views [2]eval.Features) error {
	if p.Encoder.Predictor == nil {
		return nil
	}
	event := run.Event{Event: run.Eval, Probe: probe, Of: run.OfPrediction}
	defer p.Params.Train(p.Params.Training())
	p.Params.Train(false)
	predict := func(z torch.Tensor) (rows torch.Tensor) {
		torch.Autocast(e.Autocast(), func() { rows = p.Encoder.Predictor.Forward(z) })
		return rows.To(torch.F32)
	}
	if err := torch.Scope(func() error {
		torch.NoGrad(func() {
			z := z.Narrow(0, 0, min(predicted, z.Size(0)))
			setMetrics(&event, measure.Embedding(predict(z)))
			if e.Config.Probe.Detail {
				align(&event, z, p.Encoder.Predictor)
			}
		})
		if e.Config.Probe.Detail && views[0].Z.Defined() {
			event.Set(run.GradientRatio, number.OrAbsent(measure.GradientRatio(predict, views[0].Z, views[1].Z)))
			for _, n := range p.Params.Trainable() { // those of the step are spent
				n.Tensor.SetGrad(torch.Tensor{})
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return p.Emit(event)
}

// align says how a predictor that is one square matrix lies to its inputs.
func align(e *run.Event, z torch.Tensor, predictor nn.Layer) {
	linear, ok := predictor.(*nn.Linear)
	if !ok {
		return
	}
	if w, ok := linear.Square(); ok {
		a := measure.AlignPredictor(z, w)
		e.Set(run.Commutator, run.Num(a.Commutator))
		e.Set(run.EigenCosine, run.Num(a.MeanCosine()))
		e.Set(run.SpectrumRank, a.Spectrum)
	}
}

// one evaluates one probe, and returns how good the encoder is.
func (e *Hook) one(pr *Probe, p *train.Progress) (score, slack float64, err error) {
	queries, err := eval.Embed(p.Encoder, p.Params, e.Autocast(), e.Batches(pr.Queries, 0))
	if err != nil {
		return 0, 0, err
	}
	defer queries.Free()
	var bank eval.Features
	if pr.Classes > 0 {
		if bank, err = eval.Embed(p.Encoder, p.Params, e.Autocast(), e.Batches(pr.Bank, 0)); err != nil {
			return 0, 0, err
		}
		defer bank.Free()
	}
	views, err := e.views(pr, p)
	if err != nil {
		return 0, 0, err
	}
	defer views[0].Free()
	defer views[1].Free()

	first := &Rows{
		Of: run.OfBackbone, Queries: queries.H, Labels: queries.Labels, Bank: bank.H, BankLabels: bank.Labels,
		Views: [2]torch.Tensor{views[0].H, views[1].H}, Classes: pr.Classes, Own: pr.own,
	}
	second := *first
	second.Of, second.Queries, second.Bank = run.OfEmbedding, queries.Z, bank.Z
	second.Views = [2]torch.Tensor{views[0].Z, views[1].Z}
	for _, rows := range []*Rows{first, &second} {
		event, err := e.measure(pr.Name, rows)
		if err != nil {
			return 0, 0, err
		}
		if rows.Of == run.OfBackbone {
			score, slack = quality(event)
		}
		if err := p.Emit(event); err != nil {
			return 0, 0, err
		}
	}
	return score, slack, errors.Join(e.prediction(p, pr.Name, queries.Z, views), e.assignments(p, pr.Name, queries.Z))
}

// quality rates an encoder by an evaluation of its features: kNN accuracy with labels, RankMe of the features without
// (Garrido et al. 2023, arXiv:2210.02885: label-free, comparable within one run). RankMe falls at the start of training and
// then grows with the accuracy in most methods, but not in all: SimSiam's is flat, and noise. So what is within slack of the
// highest counts as equal to it, and the newest of equals is the best.
func quality(backbone run.Event) (score, slack float64) {
	if knn := backbone.Metrics[run.KNN]; knn.Known {
		return knn.Value, 0
	}
	return backbone.Metrics[run.RankMe].Value, rankSlack
}

// measure takes every metric of the rows, and with probe.detail what is drawn of them.
func (e *Hook) measure(probe string, r *Rows) (run.Event, error) {
	event := run.Event{Event: run.Eval, Probe: probe, Of: r.Of}
	err := torch.Scope(func() error {
		rows := r.Queries.Narrow(0, 0, min(measured, r.Queries.Size(0)))
		m := measure.Embedding(rows)
		setMetrics(&event, m)
		if e.Config.Probe.Detail {
			picture := rows.Narrow(0, 0, min(pictured, rows.Size(0)))
			event.Spectrum, event.Points = drawn(m.Spectrum, measure.Plane(picture))
			event.Labels = r.Labels[:picture.Size(0)]
		}
		for _, m := range e.metrics {
			if !m.Detail || e.Config.Probe.Detail {
				event.Set(m.Name, number.OrAbsent(m.Measure(r)))
			}
		}
		return nil
	})
	return event, err
}

// drawn rounds what is only looked at, in place: singular values to six digits, points to a thousandth. All their digits are most
// of a log with probe.detail.
func drawn(spectrum []float64, points [][2]float64) ([]float64, [][2]float64) {
	for i, v := range spectrum {
		spectrum[i] = scalar.RoundEven(v, 5-int(math.Floor(math.Log10(math.Max(v, 1e-300)))))
	}
	for i := range points {
		for k, v := range points[i] {
			points[i][k] = scalar.RoundEven(v, 3)
		}
	}
	return spectrum, points
}

// setMetrics puts the metrics into the event.
func setMetrics(e *run.Event, m collapse.Metrics) {
	e.Rows, e.Dims = m.Rows, m.Dims
	for name, v := range map[string]float64{
		run.Std: m.Std, run.StdRaw: m.StdRaw, run.MeanCosine: m.MeanCosine, run.EffectiveRank: m.EffectiveRank, run.RankMe: m.RankMe,
		run.ParticipationRatio: m.ParticipationRatio, run.TopShare: m.TopShare, run.CorrelationOff: m.CorrelationOff,
	} {
		e.Set(name, run.Num(v))
	}
}

// views embeds two augmented views of some queries, for alignment and LiDAR. A method with one recipe has none.
func (e *Hook) views(pr *Probe, p *train.Progress) (views [2]eval.Features, err error) {
	if pr.pairs == nil {
		return views, nil
	}
	for v := range views {
		if views[v], err = eval.Embed(p.Encoder, p.Params, e.Autocast(), e.Batches(pr.pairs, v)); err != nil {
			views[0].Free()
			return [2]eval.Features{}, err
		}
	}
	return views, nil
}

// Close frees the linear probe and closes the images.
func (e *Hook) Close() error {
	var err error
	if e.linear != nil {
		err = torch.Scope(func() error { e.linear.Free(); return nil })
	}
	return errors.Join(err, e.Sets.Close())
}
