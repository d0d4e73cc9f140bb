// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats/scalar"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
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
	holdOut        = 5        // without a test split every fifth image is a query and the others are the bank
	earlySteps     = 50       // until then running batch-norm statistics are those of an untrained network
	settle         = 20       // batches from which they are then estimated
	watched        = 512      // images of the guard's sample
	watchAtLeast   = 10       // steps between two looks at it, after the first few
	watches        = 50       // looks in a run that is long enough
	rankSlack      = 0.25     // without labels the best checkpoint is the newest whose RankMe is not further below the highest
)

// probe is a set of images on which the encoder is evaluated while it trains: a bank of neighbours and queries.
type probe struct {
	name          string
	bank, queries *dataset.Loader
	some          *dataset.Loader // images of the bank, labelled or not
	pairs         *dataset.Loader // two views of some of the queries
	classes       int             // 0 without labels
	own           bool            // it is of the training data: the linear probe knows its classes
}

// evaluation is the hook that evaluates a run on its probes.
type evaluation struct {
	ctx     context.Context
	config  *run.Config
	probes  []*probe
	linear  *eval.Linear                      // nil when there are no labels, or nobody wants it
	support float64                           // the temperature of the method's vote of labelled images, 0 for none
	assign  func(z torch.Tensor) torch.Tensor // of embeddings to the method's clusters; nil without them
	sample  *dataset.Loader                   // what the guard watches; nil without a guard
	sources []*dataset.Source
}

// newEvaluation opens the probes of a run: the training data, or the paths that the configuration names.
func newEvaluation(ctx context.Context, j *job) (*evaluation, error) {
	e := &evaluation{ctx: ctx, config: j.config.Config}
	if m, ok := j.method.(parallax.Supporter); ok {
		e.support = m.Support().Temperature
	}
	if m, ok := j.method.(parallax.Assigner); ok {
		e.assign = m.Assign
	}
	paths := e.config.Probe.Paths
	if len(paths) == 0 {
		paths = []string{e.config.Data.Path}
	}
	for _, path := range paths {
		var bank *dataset.Source
		var err error
		if d := e.config.Data; path == d.Path {
			bank, err = j.source.Select(d.Split, d.Labels)
		} else {
			bank, err = dataset.Open(path, dataset.Options{Size: d.Size})
		}
		if err == nil {
			err = e.add(path, bank)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening a probe: %w", err), e.close())
		}
	}
	if classes := len(j.source.Classes); e.config.Probe.Linear && classes > 1 {
		if err := torch.Scope(func() error {
			e.linear = eval.NewLinear(j.backbone.Features(), classes, e.config.Seed)
			return nil
		}); err != nil {
			return nil, errors.Join(err, e.close())
		}
	}
	return e, nil
}

// add makes a probe of the images in bank, which was opened at path, and closes it in the end.
func (e *evaluation) add(path string, bank *dataset.Source) error {
	c := e.config
	own, labels := path == c.Data.Path, ""
	if own {
		labels = c.Data.Labels
	}
	e.sources = append(e.sources, bank)
	var bankData, queryData dataset.Dataset
	for _, split := range []string{dataset.SplitTest, dataset.SplitVal} {
		if bank.HasSplit(split) && bank.Split != split && queryData == nil {
			queries, err := selectQueries(bank, split, labels)
			if err != nil {
				return fmt.Errorf("split %s of %s: %w", split, path, err)
			}
			e.sources = append(e.sources, queries)
			bankData, queryData = bank, queries
		}
	}
	if queryData == nil {
		bankData, queryData = hold(bank)
	}
	p := &probe{name: path, own: own, classes: len(bank.Classes)}
	if path == run.GuardProbe {
		p.name = "./" + path // the name alone is that of the guard's sample
	}
	p.some, p.queries = e.plain(bankData), e.plain(queryData)
	p.bank = p.some
	if images, some := labelled(bankData); some {
		p.bank = e.plain(images)
	}
	if len(c.Augment) > 1 {
		p.pairs = e.plain(queryData)
		p.pairs.Recipes, p.pairs.Limit = c.Augment[:2], min(alignmentPairs, queryData.Len())
	}
	if e.sample == nil && c.Train.OnCollapse != run.Off {
		e.sample = e.plain(bankData)
		e.sample.Limit = min(watched, bankData.Len())
	}
	e.probes = append(e.probes, p)
	return nil
}

// selectQueries takes the split of a bank's data whose images are classified. A file of labels may be for the training images
// alone: when it labels none of the others, their folders do, if those are named like the file's classes.
func selectQueries(bank *dataset.Source, split, labels string) (*dataset.Source, error) {
	queries, err := bank.Select(split, labels)
	if err != nil || len(bank.Classes) == 0 {
		return queries, err
	}
	for i := range queries.Len() {
		if queries.Label(i) >= 0 {
			return queries, nil
		}
	}
	named, err := bank.Select(split, "folders")
	if err != nil || !slices.Equal(named.Classes, bank.Classes) {
		return queries, nil // images without folders of classes, which is no mistake
	}
	return named, nil
}

// plain loads images without augmentation.
func (e *evaluation) plain(d dataset.Dataset) *dataset.Loader {
	c := e.config
	return &dataset.Loader{
		Data: d, Recipes: []augment.Recipe{augment.EvalRecipe(c.Data.Size)}, Normalize: normalization(&c.Data),
		Batch: probeBatch, Workers: c.Train.Workers, Seed: c.Seed, Limit: c.Probe.Limit, Keep: probeKept,
	}
}

// Name is "probe".
func (e *evaluation) Name() string { return "probe" }

// State is the linear probe's.
func (e *evaluation) State() []nn.State {
	if e.linear == nil {
		return nil
	}
	return e.linear.State()
}

// Load puts the linear probe's state back.
func (e *evaluation) Load(states []nn.State) error {
	if e.linear == nil {
		return nil
	}
	return e.linear.Load(states)
}

// After trains the linear probe and evaluates when it is due.
func (e *evaluation) After(p *train.Progress) error {
	if e.linear != nil && p.Features.Defined() {
		e.linear.Observe(p.Features, p.Labels)
	}
	if !p.Due && !e.watchDue(p) {
		return nil
	}
	if p.Step >= earlySteps {
		return e.evaluate(p)
	}
	images := e.probes[0].some
	if !p.Due {
		images = e.sample
	}
	encoder := nn.Sequential{p.Encoder.Backbone, p.Encoder.Projector}
	if p.Encoder.Predictor != nil {
		encoder = append(encoder, p.Encoder.Predictor)
	}
	restore, err := eval.RecomputeStatistics(p.Params, encoder, e.autocast(), first(settle, e.batches(images, 0)))
	if err != nil {
		return err
	}
	return errors.Join(e.evaluate(p), restore())
}

// watchDue says whether the guard looks: often at the start, when an embedding can collapse within ten steps, then regularly.
func (e *evaluation) watchDue(p *train.Progress) bool {
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

func (e *evaluation) evaluate(p *train.Progress) error {
	for i, probe := range e.probes {
		if !p.Due {
			break
		}
		score, slack, err := e.one(probe, p)
		if err != nil {
			return fmt.Errorf("evaluating on %s: %w", probe.name, err)
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
func (e *evaluation) watch(p *train.Progress) error {
	f, err := eval.Embed(p.Encoder, p.Params, e.autocast(), e.batches(e.sample, 0))
	if err != nil {
		return err
	}
	defer f.Free()
	event := run.Event{Event: run.Eval, Probe: run.GuardProbe, Of: run.OfEmbedding}
	infinite := false
	if err := torch.Scope(func() error {
		if infinite = f.Z.IsFinite().Not().To(torch.I64).Sum().Item() > 0; !infinite {
			setMetrics(&event, collapse.Measure(f.Z))
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
func (e *evaluation) assignments(p *train.Progress, probe string, z torch.Tensor) error {
	if e.assign == nil {
		return nil
	}
	event := run.Event{Event: run.Eval, Probe: probe, Of: run.OfAssignments}
	if err := torch.Scope(func() (err error) {
		torch.NoGrad(func() {
			clusters := e.assign(z.Narrow(0, 0, 1)).Size(1)
			a := collapse.MeasureAssignments(z.Narrow(0, 0, min(measured, z.Size(0), max(1, mostAssigned/clusters))), e.assign)
			event.Dims, event.Rows, event.Used = a.Clusters, a.Rows, a.Used
			event.Perplexity, event.Information, event.Individual, event.TopShare = run.Num(a.Perplexity), run.Num(a.Information), run.Num(a.Individual), run.Num(a.TopShare)
		})
		return nil
	}); err != nil {
		return err
	}
	return p.Emit(event)
}

// prediction measures what the method's predictor makes of embeddings, where it has one, and with probe.detail where the gradient
// between two views goes.
func (e *evaluation) prediction(p *train.Progress, probe string, z torch.Tensor, views [2]eval.Features) error {
	if p.Encoder.Predictor == nil {
		return nil
	}
	event := run.Event{Event: run.Eval, Probe: probe, Of: run.OfPrediction}
	defer p.Params.Train(p.Params.Training())
	p.Params.Train(false)
	predict := func(z torch.Tensor) (rows torch.Tensor) {
		torch.Autocast(e.autocast(), func() { rows = p.Encoder.Predictor.Forward(z) })
		return rows.To(torch.F32)
	}
	if err := torch.Scope(func() error {
		torch.NoGrad(func() {
			z := z.Narrow(0, 0, min(predicted, z.Size(0)))
			setMetrics(&event, collapse.Measure(predict(z)))
			if e.config.Probe.Detail {
				align(&event, z, p.Encoder.Predictor)
			}
		})
		if e.config.Probe.Detail && views[0].Z.Defined() {
			event.GradientRatio = known(collapse.GradientRatio(predict, views[0].Z, views[1].Z))
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
		a := collapse.AlignPredictor(z, w)
		e.Commutator, e.EigenCosine, e.SpectrumRank = run.Num(a.Commutator), run.Num(a.MeanCosine()), a.Spectrum
	}
}

// one evaluates one probe, and returns how good the encoder is: kNN accuracy with labels, RankMe of the features
// without (Garrido et al. 2023, arXiv:2210.02885: label-free, comparable within one run). RankMe falls at the start of training
// and then grows with the accuracy in most methods, but not in all: SimSiam's is flat, and noise. So what is within slack
// of the highest counts as equal to it, and the newest of equals is the best.
func (e *evaluation) one(pr *probe, p *train.Progress) (score, slack float64, err error) {
	queries, err := eval.Embed(p.Encoder, p.Params, e.autocast(), e.batches(pr.queries, 0))
	if err != nil {
		return 0, 0, err
	}
	defer queries.Free()
	var bank eval.Features
	if pr.classes > 0 {
		if bank, err = eval.Embed(p.Encoder, p.Params, e.autocast(), e.batches(pr.bank, 0)); err != nil {
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

	kinds := []struct {
		of                          string
		queries, bank, first, other torch.Tensor
	}{
		{run.OfBackbone, queries.H, bank.H, views[0].H, views[1].H},
		{run.OfEmbedding, queries.Z, bank.Z, views[0].Z, views[1].Z},
	}
	for i, k := range kinds {
		event := run.Event{Event: run.Eval, Probe: pr.name, Of: k.of}
		if err := torch.Scope(func() error {
			rows := k.queries.Narrow(0, 0, min(measured, k.queries.Size(0)))
			m := collapse.Measure(rows)
			setMetrics(&event, m)
			if e.config.Probe.Detail {
				picture := rows.Narrow(0, 0, min(pictured, rows.Size(0)))
				event.Spectrum, event.Points = drawn(m.Spectrum, collapse.Plane(picture))
				event.Labels = queries.Labels[:picture.Size(0)]
			}
			event.Uniformity = run.Num(collapse.Uniformity(k.queries, 2))
			if k.first.Defined() {
				event.Alignment = run.Num(collapse.Alignment(k.first, k.other))
				if e.config.Probe.Detail {
					event.LiDAR = known(collapse.LiDAR([]torch.Tensor{k.first, k.other}))
				}
			}
			if pr.classes > 0 && slices.Max(bank.Labels) >= 0 {
				_, top1 := eval.KNN(k.bank, bank.Labels, k.queries, queries.Labels, e.config.Probe.K, e.config.Probe.Temperature, pr.classes)
				event.KNN = known(top1)
				if k.of == run.OfEmbedding && e.support > 0 && pr.own {
					// softmax(ẑ·Ŝᵀ/τ)·Y is the vote of all; smoothing the labels does not move its maximum.
					_, top1 := eval.KNN(k.bank, bank.Labels, k.queries, queries.Labels, len(bank.Labels), e.support, pr.classes)
					event.Support = known(top1)
				}
			}
			if i == 0 && e.linear != nil && pr.own {
				event.Linear = known(e.linear.Accuracy(queries.H, queries.Labels))
			}
			return nil
		}); err != nil {
			return 0, 0, err
		}
		if i == 0 {
			if score, slack = event.RankMe.Value, rankSlack; event.KNN.Known {
				score, slack = event.KNN.Value, 0
			}
		}
		if err := p.Emit(event); err != nil {
			return 0, 0, err
		}
	}
	return score, slack, errors.Join(e.prediction(p, pr.name, queries.Z, views), e.assignments(p, pr.name, queries.Z))
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
	e.Std, e.StdRaw, e.MeanCosine = run.Num(m.Std), run.Num(m.StdRaw), run.Num(m.MeanCosine)
	e.EffectiveRank, e.RankMe, e.ParticipationRatio = run.Num(m.EffectiveRank), run.Num(m.RankMe), run.Num(m.ParticipationRatio)
	e.TopShare, e.CorrelationOff = run.Num(m.TopShare), run.Num(m.CorrelationOff)
}

// known is a number that is absent where there is none: an accuracy when no image had a label.
func known(v float64) run.Number {
	if math.IsNaN(v) {
		return run.Number{}
	}
	return run.Num(v)
}

// views embeds two augmented views of some queries, for alignment and LiDAR. A method with one recipe has none.
func (e *evaluation) views(pr *probe, p *train.Progress) (views [2]eval.Features, err error) {
	if pr.pairs == nil {
		return views, nil
	}
	for v := range views {
		if views[v], err = eval.Embed(p.Encoder, p.Params, e.autocast(), e.batches(pr.pairs, v)); err != nil {
			views[0].Free()
			return [2]eval.Features{}, err
		}
	}
	return views, nil
}

// batches are one view of a loader's images as the evaluation wants them.
func (e *evaluation) batches(l *dataset.Loader, view int) iter.Seq2[eval.Batch, error] {
	return func(yield func(eval.Batch, error) bool) {
		for b, err := range l.Sequential(e.ctx) {
			if err != nil {
				yield(eval.Batch{}, err)
				return
			}
			v := b.Views[view]
			goOn := yield(eval.Batch{Pixels: v.Data, Shape: [4]int{v.N, v.C, v.H, v.W}, Labels: b.Labels}, nil)
			b.Release()
			if !goOn {
				return
			}
		}
	}
}

func (e *evaluation) autocast() bool { return e.config.Train.Precision == run.BF16 }

// close frees the linear probe and closes the probes' data.
func (e *evaluation) close() error {
	var err error
	if e.linear != nil {
		err = torch.Scope(func() error { e.linear.Free(); return nil })
	}
	for _, s := range e.sources {
		err = errors.Join(err, s.Close())
	}
	return err
}

// part is some of the images of a data set.
type part struct {
	dataset.Dataset
	rows []int
}

func (p part) Len() int                            { return len(p.rows) }
func (p part) Image(i int) (*augment.Image, error) { return p.Dataset.Image(p.rows[i]) }
func (p part) Label(i int) int                     { return p.Dataset.Label(p.rows[i]) }

// labelled is the images that have a label, and whether they are some: neither none nor all.
func labelled(d dataset.Dataset) (images dataset.Dataset, some bool) {
	p := part{Dataset: d}
	for i := range d.Len() {
		if d.Label(i) >= 0 {
			p.rows = append(p.rows, i)
		}
	}
	return p, len(p.rows) > 0 && len(p.rows) < d.Len()
}

// hold splits data without a test split: every fifth image is a query.
func hold(d dataset.Dataset) (bank, queries dataset.Dataset) {
	b, q := part{Dataset: d}, part{Dataset: d}
	for i := range d.Len() {
		if i%holdOut == holdOut-1 {
			q.rows = append(q.rows, i)
		} else {
			b.rows = append(b.rows, i)
		}
	}
	if len(q.rows) == 0 {
		return b, b
	}
	return b, q
}

func first[T any](n int, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := n
		for v, err := range seq {
			if !yield(v, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}
