// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

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
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

const (
	measured       = 2000 // rows whose spectrum is measured: the singular values of more rows cost seconds
	predicted      = 1000 // rows of predictions that are measured
	targetBatches  = 4    // batches of queries of which the target's embeddings are measured
	alignmentPairs = 1000 // images of which alignment and LiDAR compare two views
	pictured       = 200  // rows drawn in a plane, with probe.detail
	watched        = 512  // images of the guard's sample
	watchAtLeast   = 10   // least number of steps between two evaluations of the sample, after the first few
	watches        = 50   // evaluations of the sample in a long run
	rankSlack      = 0.25 // slack of the RankMe score, a share of the highest; see quality
)

// Batch is the images per forward pass of a probe. Kept is the bytes of the views of a loader's images that are kept
// between evaluations: 10,000 images of 32 px.
const (
	Batch = 256
	Kept  = 32 << 20
)

// Until step Settled, the running batch-norm statistics still depend on the untrained network. Evaluations up to that
// step estimate the statistics from SettleBatches batches instead.
const (
	Settled       = 50
	SettleBatches = 20
)

// Hook evaluates a run on its probes and measures the guard's sample.
type Hook struct {
	// Keep is called with the features of some queries at each evaluation; nil: nothing is kept. Set it before the run.
	// After an error it is not called again, and the user is told.
	Keep func(*features.Sample) error

	*Sets
	linear  *eval.Linear            // nil without labels or without probe.linear
	support float64                 // temperature of a Supporter's vote of labelled images, 0 for none
	assign  parallax.Assigner       // the method, if it assigns embeddings to clusters
	target  func() parallax.Encoder // the target network; nil without one, or without probe.detail
	metrics []Metric
	note    func(text string)
	looked  *Pixels      // of the sample
	taught  bool         // the method learns from labels
	hidden  map[int]bool // training images that are queries: the linear probe does not learn their labels
}

// Options are the parts of a run that a Hook needs.
type Options struct {
	Config   *config.Config
	Method   parallax.Method
	Features int             // width of the backbone's features
	Source   *dataset.Source // the training images
	Metrics  []Metric        // metrics of a program's own
	Note     func(string)    // called with messages for the user about the images; nil for none
	Budget   *dataset.Budget // shared with the training images; nil: the process's
}

// New opens the probes of a run: the paths of probe.paths, or the training data if there are none. Images are read
// until ctx ends. Close the hook after the run.
func New(ctx context.Context, o Options) (*Hook, error) {
	e := &Hook{Sets: NewSets(ctx, o.Config), note: o.Note}
	e.metrics = append(e.builtIn(), o.Metrics...)
	if err := checkNames(o.Metrics); err != nil {
		return nil, err
	}
	if m, ok := parallax.As[parallax.Supporter](o.Method); ok {
		e.support = m.Support().Temperature
	}
	_, e.taught = parallax.As[parallax.Supervised](o.Method)
	e.taught = e.taught || e.support > 0
	if m, ok := parallax.As[parallax.Assigner](o.Method); ok {
		e.assign = m
	}
	if m, ok := parallax.As[parallax.Targeter](o.Method); ok && e.Config.Probe.Detail {
		e.target = m.Target
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
			bank, err = dataset.Open(path, dataset.Options{Size: d.Size, Channels: d.Channels, Decoder: d.Decoder,
				Budget: o.Budget})
		}
		if err == nil && e.Config.Data.Kept() {
			bank.Require(e.Config.Data.Format())
		}
		if err == nil {
			err = e.Add(path, bank)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening a probe: %w", err), e.Close())
		}
	}
	e.hide()
	e.choose(o.Features)
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

// hide keeps the labels of queries that were drawn from the training images from the linear probe, which would
// otherwise be tested on what it has learnt. The linear probe of older runs learns them.
func (e *Hook) hide() {
	e.hidden = map[int]bool{}
	for _, p := range e.Probes {
		if p.own && e.Config.Probe.Queries == config.ByClass {
			for _, image := range p.held.rows {
				e.hidden[image] = true
			}
		}
	}
}

// known returns the labels of a batch that the linear probe may learn.
func (e *Hook) known(p *train.Progress) []int {
	labels := slices.Clone(p.Labels)
	for row, image := range p.Index {
		if e.hidden[image] {
			labels[row] = -1
		}
	}
	return labels
}

// Notes says how the accuracies of the run are measured.
func (e *Hook) Notes() (notes []string) {
	for i, p := range e.Probes {
		notes = append(notes, p.Notes()...)
		if i == 0 && p.Unmeasured() != "" {
			notes = append(notes, "the best checkpoint is chosen by RankMe, as for images without labels")
		}
		if e.taught && p.own && p.held.Len() > 0 && p.Unmeasured() == "" {
			notes = append(notes, "the method learns from labels, also from those of the queries, so its accuracies "+
				"are too high: put some images into a folder test beside a folder train")
		}
	}
	return notes
}

// tell passes notes to the user.
func (e *Hook) tell(notes ...string) {
	for _, note := range notes {
		if note != "" && e.note != nil {
			e.note(note)
		}
	}
}

// look looks at the pixels of the sample, once.
func (e *Hook) look() error {
	if e.looked != nil {
		return nil
	}
	e.looked = &Pixels{}
	for _, err := range e.looked.Of(e.Batches(e.sample, 0)) {
		if err != nil {
			return fmt.Errorf("looking at the images: %w", err)
		}
	}
	e.tell(e.looked.Notes(e.Config.Train.Batch)...)
	return nil
}

// Name is "probe".
func (e *Hook) Name() string { return "probe" }

// Blind reports whether there is no linear probe, which alone looks at batches.
func (e *Hook) Blind() bool { return e.linear == nil }

// State returns the state of the linear probe.
func (e *Hook) State() []nn.State {
	if e.linear == nil {
		return nil
	}
	return e.linear.State()
}

// Load restores the state of the linear probe.
func (e *Hook) Load(states []nn.State) error {
	if e.linear == nil {
		return nil
	}
	return e.linear.Load(states)
}

// After trains the linear probe, and evaluates when an evaluation is due.
func (e *Hook) After(p *train.Progress) (train.Decision, error) {
	due := p.Due || e.watchDue(p)
	var before []nn.State
	if e.linear != nil && p.Features.Defined() {
		if due {
			before = e.linear.State()
		}
		e.linear.Observe(p.Features, e.known(p))
	}
	if !due {
		return nil, nil
	}
	err := e.look()
	if err == nil {
		err = e.settled(p)
	}
	if err != nil && before != nil { // the call will be made again, and must not train the linear probe twice
		err = errors.Join(err, e.linear.Load(before))
	}
	return nil, err
}

// settled evaluates with batch-norm statistics of the present weights.
func (e *Hook) settled(p *train.Progress) error {
	if p.Step >= Settled {
		return e.evaluate(p)
	}
	images := e.Probes[0].Some
	if !p.Due {
		images = e.sample
	}
	encoder := nn.Sequential{p.Encoder.Backbone, p.Encoder.Projector}
	if p.Encoder.Predictor != nil {
		encoder = append(encoder, p.Encoder.Predictor)
	}
	batches := First(SettleBatches, e.Batches(images, 0))
	restore, err := eval.RecomputeStatistics(p.Params, encoder, e.Autocast(), batches)
	if err != nil {
		return err
	}
	if e.target == nil {
		return errors.Join(e.evaluate(p), restore())
	}
	target := nn.Sequential{e.target().Backbone, e.target().Projector}
	restoreTarget, err := eval.RecomputeStatistics(p.Params, target, e.Autocast(), batches)
	if err != nil {
		return errors.Join(err, restore())
	}
	return errors.Join(e.evaluate(p), restoreTarget(), restore())
}

// watchDue reports whether the guard's sample is measured at this step: often at the start, because an embedding can
// collapse within ten steps, then regularly.
func (e *Hook) watchDue(p *train.Progress) bool {
	switch {
	case e.Config.Train.OnCollapse == config.Off:
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
		return fmt.Errorf("measuring the guard's sample: %w", err)
	}
	return nil
}

// watch measures the embeddings of the guard's sample.
func (e *Hook) watch(p *train.Progress) error {
	f, err := eval.Embed(p.Encoder, p.Params, e.Autocast(), e.Batches(e.sample, 0))
	if errors.Is(err, torch.ErrNonFinite) {
		return nil // the next evaluation, loss or checkpoint will end the run
	}
	if err != nil {
		return err
	}
	defer f.Free()
	event := run.Event{Event: run.Eval, Probe: run.GuardProbe, Of: run.OfEmbedding}
	if e.looked.few() && p.Step == 0 {
		event.Distinct = e.looked.distinct()
	}
	if err := torch.Scope(func() error { setMetrics(&event, measure.Embedding(f.Z)); return nil }); err != nil {
		return err
	}
	if err := p.Emit(event); err != nil {
		return err
	}
	return e.assignments(p, run.GuardProbe, f.Z)
}

// mostAssigned bounds the number of measured assignment probabilities: 2,000 rows of 8,000 clusters, 256 rows of
// 65,536.
const mostAssigned = 1 << 24

// assignments measures how embeddings are assigned to the method's clusters, if it has any.
func (e *Hook) assignments(p *train.Progress, probe string, z torch.Tensor) error {
	if e.assign == nil {
		return nil
	}
	event := run.Event{Event: run.Eval, Probe: probe, Of: run.OfAssignments}
	if err := torch.Scope(func() (err error) {
		torch.NoGrad(func() {
			assign := func(z torch.Tensor) torch.Tensor { return e.assign.Assign(z, p.Epoch) }
			clusters := assign(z.Narrow(0, 0, 1)).Size(1)
			a := measure.Assignments(z.Narrow(0, 0, min(measured, z.Size(0), max(1, mostAssigned/clusters))), assign)
			event.Dims, event.Rows, event.Used = a.Clusters, a.Rows, a.Used
			event.Metrics = map[string]run.Number{
				run.Perplexity: run.Num(a.Perplexity), run.Information: run.Num(a.Information),
				run.Individual: run.Num(a.Individual), run.TopShare: run.Num(a.TopShare),
			}
		})
		return nil
	}); err != nil {
		return err
	}
	return p.Emit(event)
}

// prediction measures the predictions of the method's predictor, if it has one. With probe.detail it also measures the
// ratio of the gradients with respect to the two views.
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
			for _, n := range p.Params.Trainable() { // the step's own gradients have served
				n.Tensor.SetGrad(torch.Tensor{})
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return p.Emit(event)
}

// align measures how a predictor that is one square matrix relates to its inputs.
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

// one evaluates one probe and returns the encoder's score, with the slack of train.Progress.Score.
func (e *Hook) one(pr *Probe, p *train.Progress) (score, slack float64, err error) {
	var inBank, asked Pixels
	first := !pr.seen && pr.Classes > 0
	var images []int
	queries, err := e.embed(p, pr.Queries, &asked, first, &images)
	if err != nil {
		return 0, 0, err
	}
	defer queries.Free()
	var bank eval.Features
	if pr.Classes > 0 {
		if bank, err = e.embed(p, pr.Bank, &inBank, first, nil); err != nil {
			return 0, 0, err
		}
		defer bank.Free()
	}
	answerable := eval.Answerable(bank.Labels, queries.Labels)
	if first {
		pr.seen, pr.overlap = true, Overlap(&inBank, &asked, answerable)
		e.tell(OverlapNote(pr.overlap, eval.NewProtocol(bank.Labels, queries.Labels).Queries))
	}
	views, err := e.views(pr, p)
	if err != nil {
		return 0, 0, err
	}
	defer views[0].Free()
	defer views[1].Free()

	backbone := &Rows{
		Of: run.OfBackbone, Queries: queries.H, Labels: queries.Labels, Answerable: answerable,
		Bank: bank.H, BankLabels: bank.Labels,
		Views: [2]torch.Tensor{views[0].H, views[1].H}, Classes: pr.Classes, Own: pr.own,
	}
	embeddings := *backbone
	embeddings.Of, embeddings.Queries, embeddings.Bank = run.OfEmbedding, queries.Z, bank.Z
	embeddings.Views = [2]torch.Tensor{views[0].Z, views[1].Z}
	for _, rows := range []*Rows{backbone, &embeddings} {
		event, spectrum, err := e.measure(pr.Name, rows)
		if err != nil {
			return 0, 0, err
		}
		if rows == &embeddings && pr == e.shown() {
			e.keep(p, queries.H, images, spectrum)
		}
		event.LeftOut = eval.NewProtocol(bank.Labels, queries.Labels).LeftOut
		event.Overlap = pr.overlap
		if rows.Of == run.OfBackbone {
			score, slack = quality(event)
		}
		if err := p.Emit(event); err != nil {
			return 0, 0, err
		}
	}
	return score, slack, errors.Join(e.prediction(p, pr.Name, queries.Z, views), e.targets(p, pr),
		e.assignments(p, pr.Name, queries.Z))
}

// embed embeds the images of a loader, and records their pixels in seen if look is true. It appends the number in the
// loader's data of each row's image to images, unless that is nil.
func (e *Hook) embed(p *train.Progress, l *dataset.Loader, seen *Pixels, look bool, images *[]int) (eval.Features,
	error,
) {
	batches := e.batches(l, 0, images)
	if look {
		batches = seen.Of(batches)
	}
	return eval.Embed(p.Encoder, p.Params, e.Autocast(), batches)
}

// targets measures the target network's embeddings of some queries, if the method has such a network.
func (e *Hook) targets(p *train.Progress, pr *Probe) error {
	if e.target == nil {
		return nil
	}
	f, err := eval.Embed(e.target(), p.Params, e.Autocast(), First(targetBatches, e.Batches(pr.Queries, 0)))
	if err != nil {
		return err
	}
	defer f.Free()
	event := run.Event{Event: run.Eval, Probe: pr.Name, Of: run.OfTarget}
	if err := torch.Scope(func() error {
		setMetrics(&event, measure.Embedding(f.Z))
		return nil
	}); err != nil {
		return err
	}
	return p.Emit(event)
}

// quality scores an encoder by an evaluation of its features: by kNN accuracy if it was measured, else by RankMe
// (Garrido et al. 2023, arXiv:2210.02885: label-free, comparable within one run). RankMe falls at the start of training
// and then grows with the accuracy for most methods, but not for all: for SimSiam it is flat and noisy. A RankMe within
// slack of the highest therefore counts as equal to the highest, and the newest of equals is the best.
func quality(backbone run.Event) (score, slack float64) {
	if knn := backbone.Metrics[run.KNN]; knn.Known {
		return knn.Value, 0
	}
	return backbone.Metrics[run.RankMe].Value, rankSlack
}

// measure measures every metric of the rows, and returns their spectrum. With probe.detail the event has the spectrum,
// too, and the points of a plot.
func (e *Hook) measure(probe string, r *Rows) (event run.Event, spectrum []float64, err error) {
	event = run.Event{Event: run.Eval, Probe: probe, Of: r.Of}
	err = torch.Scope(func() error {
		rows := r.Queries.Narrow(0, 0, min(measured, r.Queries.Size(0)))
		m := measure.Embedding(rows)
		setMetrics(&event, m)
		spectrum = m.Spectrum
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
	return event, spectrum, err
}

// drawn rounds numbers that are only plotted, in place: singular values to six digits, points to a thousandth. With all
// digits they would fill most of a log with probe.detail.
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
		run.Std: m.Std, run.StdRaw: m.StdRaw, run.MeanCosine: m.MeanCosine, run.EffectiveRank: m.EffectiveRank,
		run.RankMe: m.RankMe, run.ParticipationRatio: m.ParticipationRatio, run.TopShare: m.TopShare,
		run.CorrelationOff: m.CorrelationOff,
	} {
		e.Set(name, run.Num(v))
	}
}

// views embeds two augmented views of some queries, for alignment and LiDAR. For a method with one recipe it returns
// none.
func (e *Hook) views(pr *Probe, p *train.Progress) (views [2]eval.Features, err error) {
	if pr.pairs == nil {
		return views, nil
	}
	views, _, err = e.embedViews(p, pr.pairs)
	return views, err
}

// embedViews embeds two views of a loader's images, and returns the number of each image in the loader's data.
func (e *Hook) embedViews(p *train.Progress, l *dataset.Loader) (views [2]eval.Features, images []int, err error) {
	for v := range views {
		images = images[:0]
		views[v], err = eval.Embed(p.Encoder, p.Params, e.Autocast(), e.batches(l, v, &images))
		if err != nil {
			views[0].Free()
			return [2]eval.Features{}, nil, err
		}
	}
	return views, images, nil
}

// Close frees the linear probe and closes the images.
func (e *Hook) Close() error {
	var err error
	if e.linear != nil {
		err = torch.Scope(func() error { e.linear.Free(); return nil })
	}
	return errors.Join(err, e.Sets.Close())
}
