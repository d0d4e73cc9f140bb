// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"fmt"
	"math"
	"strings"
)

// Class is the diagnosis of an embedding or a clustering.
type Class string

// The classes of an embedding, in the order in which they are tried. The first that matches is the diagnosis.
const (
	Diverged      Class = "DIVERGED"      // the loss is not finite, or far above its first value
	NotExpanded   Class = "NOT_EXPANDED"  // one point, as before training: training cannot be blamed
	Complete      Class = "COMPLETE"      // one point, and the loss does not push embeddings apart
	Collapsing    Class = "COLLAPSING"    // moving towards one point
	Dimensional   Class = "DIMENSIONAL"   // spread over few directions
	Uninformative Class = "UNINFORMATIVE" // spread over many directions, but no better than the untrained network
	NotConverged  Class = "NOT_CONVERGED" // the loss has hardly moved
	Healthy       Class = "HEALTHY"
	Unknown       Class = "UNKNOWN" // what would rule out collapse was not measured
)

// The classes of a clustering, in the order in which they are tried; Healthy and Unknown come last.
const (
	OneCluster  Class = "ONE_CLUSTER"  // every image in one cluster
	Uniform     Class = "UNIFORM"      // every image equally in all clusters
	FewClusters Class = "FEW_CLUSTERS" // most clusters empty
	Weak        Class = "WEAK"         // assignments that say much less than the reference's
)

// Alarming says whether a class is a failure from which training does not recover by itself. NotExpanded, NotConverged
// and Weak are no success either, but they say too little about the run.
func (c Class) Alarming() bool {
	switch c {
	case Diverged, Complete, Collapsing, Dimensional, Uninformative, OneCluster, Uniform, FewClusters:
		return true
	}
	return false
}

// lostSpread says whether a class is a kind of collapse. A run passes from one kind to another.
func (c Class) lostSpread() bool { return c == Complete || c == Collapsing || c == Dimensional }

// Evidence is a number that decided, and its limit.
type Evidence struct {
	Name      string `json:"name"`
	Value     Number `json:"value,omitzero"`
	Threshold Number `json:"threshold,omitzero"` // absent when the number is given for comparison only
}

// String returns the evidence as it is printed: "mean_cosine 0.994 (above 0.93)".
func (e Evidence) String() string {
	if !e.Threshold.Known || !e.Value.Finite() {
		return fmt.Sprintf("%s %.3g", e.Name, e.Value.Value)
	}
	relation := "at"
	switch {
	case e.Value.Value > e.Threshold.Value:
		relation = "above"
	case e.Value.Value < e.Threshold.Value:
		relation = "below"
	}
	return fmt.Sprintf("%s %.3g (%s %.3g)", e.Name, e.Value.Value, relation, e.Threshold.Value)
}

// Finding is a class with its reasons.
type Finding struct {
	Class Class `json:"class"`
	// Evidence holds the three numbers that decided, most important first; fewer when fewer are known.
	Evidence []Evidence `json:"evidence"`
	Meaning  string     `json:"meaning"` // a sentence
	// Data says what in the images is the cause, for an embedding that was one point before training could make it so.
	// It is empty if the images are not known to be the cause.
	Data string `json:"data,omitempty"`
	// Held is the number of consecutive readings, up to the newest, that are of this class. Collapsing, Complete and
	// Dimensional count as one class, because a run passes from one to another.
	Held int `json:"held"`
	// Confirmed says that the class held for Thresholds.Patience evaluations, beyond the beginning of the run. A value
	// that is not finite is confirmed at once.
	Confirmed bool `json:"confirmed"`
}

// String returns the finding in one line.
func (f Finding) String() string {
	parts := make([]string, len(f.Evidence))
	for i, e := range f.Evidence {
		parts[i] = e.String()
	}
	return fmt.Sprintf("%s: %s (%s)", f.Class, f.Meaning, strings.Join(parts, ", "))
}

// Diagnosis is what a run's newest reading shows.
type Diagnosis struct {
	Step     int      `json:"step"`
	Finding           // of the embedding
	Clusters *Finding `json:"clusters,omitempty"` // nil for a method without clusters
	// Missing names the numbers that the rules use and that were not measured.
	Missing []string `json:"missing,omitempty"`
	Version int      `json:"thresholds_version"`
}

// Worst returns the finding to act on. It is the embedding's, unless only the clusters' finding is alarming, or only
// the clusters' alarm is confirmed.
func (d Diagnosis) Worst() Finding {
	if d.Clusters != nil && d.Clusters.Class.Alarming() &&
		(!d.Class.Alarming() || d.Clusters.Confirmed && !d.Confirmed) {
		return *d.Clusters
	}
	return d.Finding
}

// Diagnose diagnoses a run's embedding z, and its clusters if the method has any, from the newest reading and those
// before it. reference is a run that is known to be healthy and differs only in what is being tested. Its reading of
// the same step is compared with. If reference is nil, absolute thresholds are used. The zero Thresholds stands for the
// defaults.
//
// No number decides alone. The mean cosine cannot see lost dimensions. Ranks cannot see that an embedding is one point
// with noise around it. Neither shows that anything was learnt. The kNN accuracy must be compared with the untrained
// network's, which is far above chance. Numbers that are absent or impossible decide nothing: without a mean cosine and
// a rank the class is Unknown. Diagnose is a pure function and does not fail.
func Diagnose(run Run, reference *Run, t Thresholds) Diagnosis {
	if t == (Thresholds{}) {
		t = DefaultThresholds()
	}
	run = run.ordered()
	if reference != nil {
		sorted := reference.ordered()
		reference = &sorted
	}
	d := Diagnosis{Version: t.Version}
	last, ok := run.last()
	if len(run.History) > 0 {
		d.Step = last.Step
	}
	c := newComparison(run, reference, t)
	if !ok {
		d.Finding = Finding{Class: Unknown, Meaning: "Nothing has been measured after the start of training."}
		return d
	}
	d.Finding = c.embedding()
	d.Missing = c.missing()

	begun := func(n int) bool { _, ok := run.upTo(n).last(); return ok }
	for n := len(run.History); n > 0 && begun(n); n-- {
		class := newComparison(run.upTo(n), reference, t).embedding().Class
		if class != d.Class && !(class.lostSpread() && d.Class.lostSpread()) {
			break
		}
		d.Held++
	}
	progress := run.progress(last.Step)
	d.Confirmed = c.notFinite() || d.Held >= t.Patience && progress >= t.Grace

	if last.Assignments == nil {
		return d
	}
	clusters := c.clusters()
	for n := len(run.History); n > 0 && begun(n); n-- {
		if run.History[n-1].Assignments == nil ||
			newComparison(run.upTo(n), reference, t).clusters().Class != clusters.Class {
			break
		}
		clusters.Held++
	}
	grace := t.Grace
	if start, ok := run.start(); ok && start.Assignments != nil {
		if (comparison{run: run, t: t, now: start}).clusters().Class == clusters.Class {
			grace = t.Settled
		}
	}
	clusters.Confirmed = clusters.Held >= t.Patience && progress >= grace
	d.Clusters = &clusters
	return d
}

// comparison holds what one reading is compared with.
type comparison struct {
	run        Run // up to and including the reading
	t          Thresholds
	now, start Reading
	started    bool // start is known
	ref        Reading
	refRun     Run
	referred   bool // ref is known
}

func newComparison(run Run, reference *Run, t Thresholds) comparison {
	c := comparison{run: run, t: t}
	c.now, _ = run.last()
	c.start, c.started = run.start()
	if reference != nil {
		c.refRun = *reference
		c.ref, c.referred = reference.at(c.now.Step)
		c.referred = c.referred && c.ref.Step > 0
	}
	return c
}

// embedding tries the classes of an embedding in order.
func (c comparison) embedding() Finding {
	if f, ok := c.diverged(); ok {
		return f
	}
	cosine, rank, participation := c.now.cosine(), c.now.rank(), c.now.participation()
	if !cosine.Known || !rank.Known && !participation.Known {
		return c.finding(Unknown, "Too little of the embedding was measured to tell whether it has collapsed.")
	}
	for _, rule := range []func() (Finding, bool){
		c.onePoint, c.collapsing, c.dimensional, c.uninformative, c.notConverged,
	} {
		if f, ok := rule(); ok {
			return f
		}
	}
	meaning := "The embedding is spread out over many directions."
	if cosine.Value > c.t.CompleteCosine {
		meaning = "The embeddings share a large mean, but the loss is far from that of a constant embedding: " +
			"it uses what differs between them."
	}
	return c.finding(Healthy, meaning)
}

func (c comparison) notFinite() bool {
	return c.now.NonFinite || c.now.Loss.Known && !finite(c.now.Loss.Value)
}

// diverged looks for a loss that is not finite, or that has been too large for Thresholds.Patience evaluations and does
// not fall. Too large means large relative to the first loss. When the loss of a constant embedding is the chance
// level, the larger of both counts: MoCo's first loss is near 0, because its queue does not yet hold embeddings like
// its own. When a constant embedding minimises the loss and the network started as one point, the first loss is no
// yardstick, and nothing is judged.
func (c comparison) diverged() (Finding, bool) {
	if c.notFinite() {
		return c.finding(Diverged, "The loss or the weights are not finite: the run cannot recover."), true
	}
	first, constant := c.run.firstLoss(), c.run.Constant
	if !first.Known || !c.now.Loss.Known {
		return Finding{}, false
	}
	base, top := 0.0, first.Value
	if constant.Value.Finite() {
		if constant.Minimum {
			base = constant.Value.Value
			if start := c.start.cosine(); start.Known && start.Value > c.t.StartedCosine {
				return Finding{}, false
			}
		} else {
			top = math.Max(top, constant.Value.Value)
		}
	}
	limit := base + c.t.DivergedFactor*(top-base)
	h := c.run.History
	if top-base <= 0 || c.t.Patience < 1 || len(h) < c.t.Patience {
		return Finding{}, false
	}
	h = h[len(h)-c.t.Patience:]
	for _, r := range h {
		if r.Step <= 0 || !r.Loss.Known || !(r.Loss.Value > limit) {
			return Finding{}, false
		}
	}
	if c.now.Loss.Value < h[0].Loss.Value {
		return Finding{}, false
	}
	return c.finding(Diverged, "For some time the loss has been far above its first value, and it does not fall.",
		Evidence{"loss", c.now.Loss, Num(limit)}), true
}

// onePoint looks for an embedding that is one point, and tells whether training made it so.
func (c comparison) onePoint() (Finding, bool) {
	cosine, rank := c.now.cosine(), c.now.rank()
	if rank.Known && rank.Value == 0 {
		return c.blamed(c.finding(Complete, "All embeddings are equal: the encoder ignores its input.",
			Evidence{"mean_cosine", cosine, Num(c.t.CompleteCosine)})), true
	}
	isPoint := cosine.Value > c.t.CompleteCosine
	if first := c.start.cosine(); isPoint && c.started && first.Known && first.Value > c.t.StartedCosine {
		lowest := cosine.Value
		for _, r := range c.run.History {
			if v := r.cosine(); v.Known {
				lowest = math.Min(lowest, v.Value)
			}
		}
		if lowest > c.t.SpreadCosine {
			return c.finding(NotExpanded, "The embeddings are one point, but they were before training, too: before "+
				"judging the method, warm up, train several times longer, or use batch norm in the head.",
				Evidence{"mean_cosine", cosine, Num(c.t.CompleteCosine)},
				Evidence{"first_mean_cosine", first, Num(c.t.StartedCosine)},
				Evidence{"lowest_mean_cosine", Num(lowest), Num(c.t.SpreadCosine)}), true
		}
	}
	evidence := []Evidence{{"mean_cosine", cosine, Num(c.t.CompleteCosine)}}
	if !isPoint {
		short, limit := c.short()
		if !short.Known {
			return Finding{}, false
		}
		evidence = []Evidence{{"std_raw", short, Num(limit)}, {"mean_cosine", cosine, Num(c.t.CompleteCosine)}}
	}
	near, known, how := c.fromConstant(c.t.TrivialFloor, c.t.ChanceSlack)
	if known && !near {
		return Finding{}, false
	}
	return c.blamed(c.finding(Complete, "All embeddings are one point, and the loss does not push them apart: "+
		"the encoder ignores its input.", append(evidence, how...)...)), true
}

// blamed blames the data for one point that was there before training, if it can be their fault.
func (c comparison) blamed(f Finding) Finding {
	if f.Data = c.data(); f.Data != "" {
		f.Meaning = "All embeddings are one point, as they were before training: " + f.Data + "."
	}
	return f
}

// sameStd is the std below which an untrained network cannot tell images apart. Copies of one image have 0. Untrained
// networks without batch norm in the head have 0.2 or more on images that differ, a mean cosine of 0.96. The cosine
// must agree: a std of 0 alone may not have been measured.
const sameStd, sameCosine = 0.01, 0.999

// data says what in the images made the embedding one point: those of the sample are copies, or an untrained network
// cannot tell them apart.
func (c comparison) data() string {
	if cosine := c.start.cosine(); !c.started || !cosine.Known || cosine.Value < sameCosine ||
		!(c.start.Embedding.Std < sameStd) {
		return ""
	}
	switch {
	case c.start.Distinct == 1:
		return "all images of the sample are the same"
	case c.start.Distinct > 1:
		return fmt.Sprintf("the sample has only %d distinct images", c.start.Distinct)
	}
	return fmt.Sprintf("an untrained network cannot tell the images apart (its std was %.3f)", c.start.Embedding.Std)
}

// short returns the raw deviation if it has almost vanished under a loss that depends on the length of z.
func (c comparison) short() (std Number, limit float64) {
	raw := func(m *Metrics) float64 { return m.StdRaw }
	now, first := c.now.number(raw, leastRaw, math.MaxFloat64), c.start.number(raw, leastRaw, math.MaxFloat64)
	limit = c.t.RawShare * first.Value
	if !c.run.Constant.SeesLength || !c.started || !now.Known || !first.Known || now.Value >= limit {
		return Number{}, 0
	}
	return now, limit
}

// leastRaw is half of the smallest possible raw deviation, √1e-4. A smaller value means that it was not measured.
const leastRaw = 0.005

// fromConstant says whether the loss is near that of a constant embedding: its loss floor is below floor, or, if that
// loss is the chance level, its relative distance is below share. known is false when that cannot be told.
func (c comparison) fromConstant(floor, share float64) (near, known bool, evidence []Evidence) {
	constant, loss := c.run.Constant, c.now.Loss
	if !constant.Value.Finite() || !loss.Known {
		return false, false, nil
	}
	if constant.Minimum {
		left := c.run.floor(c.now)
		evidence = []Evidence{{"loss_floor", left, Num(floor)}, {"loss", loss, constant.Value}}
		return left.Value < floor, left.Known, evidence
	}
	chance := constant.Value.Value
	off := math.Abs(loss.Value-chance) / math.Max(math.Abs(chance), math.SmallestNonzeroFloat64)
	return off < share, true, []Evidence{{"loss_off_chance", Num(off), Num(share)}, {"loss", loss, constant.Value}}
}

// collapsing looks for a mean cosine that is high and rises, or that rests near 1.
func (c comparison) collapsing() (Finding, bool) {
	cosine := c.now.cosine()
	half, ok := c.run.at(c.now.Step / 2)
	if !ok || !half.cosine().Known || half.Step == c.now.Step {
		return Finding{}, false
	}
	rise := cosine.Value - half.cosine().Value
	rests, how := c.rests()
	from, name, least := c.ref.cosine(), "reference_mean_cosine", math.Inf(-1)
	if !c.referred || !from.Known {
		from, name, least = c.start.cosine(), "first_mean_cosine", c.t.CollapsingCosine
		near, known, _ := c.fromConstant(c.t.CollapsingFloor, c.t.CollapsingChance)
		if known && !near || !known && c.now.Step < c.t.LearningSteps {
			return Finding{}, false
		}
		// When targets change all at once, as DeepCluster's do with every epoch, the cosine jumps and then falls again.
		before, ok := c.run.at(c.now.Step - 1)
		if !rests && ok && before.cosine().Known && cosine.Value <= before.cosine().Value {
			return Finding{}, false
		}
	}
	if !from.Known || !(cosine.Value-from.Value > c.t.CosineMore) || !(cosine.Value > least) ||
		!rests && !(rise > c.t.CosineRising) {
		return Finding{}, false
	}
	evidence := []Evidence{{"mean_cosine", cosine, Num(from.Value + c.t.CosineMore)}, {name, from, Number{}}}
	if rests {
		return c.finding(Collapsing, "The embeddings are close to one point, and the loss is close to that of a "+
			"constant embedding.", append(evidence, how)...), true
	}
	return c.finding(Collapsing, "The embeddings are moving towards one point.",
		append(evidence, Evidence{"mean_cosine_rise", Num(rise), Num(c.t.CosineRising)})...), true
}

// rests says whether embedding and loss are both close to those of one point, so that the mean cosine need not rise any
// more. The closer one of them is, the less close the other must be. The rule is for losses that a constant embedding
// minimises: other losses start close to that of one.
func (c comparison) rests() (bool, Evidence) {
	cosine, left := c.now.cosine(), c.run.floor(c.now)
	near := left.Known && cosine.Known && (left.Value < c.t.TrivialFloor && cosine.Value > c.t.CollapsingCosine ||
		left.Value < c.t.CollapsingFloor && cosine.Value > c.t.CompleteCosine)
	return near, Evidence{"loss_floor", left, Num(c.t.CollapsingFloor)}
}

// dimensional looks for an embedding that fills few of its directions.
func (c comparison) dimensional() (Finding, bool) {
	const meaning = "The embedding is spread over few directions: most of its dimensions are redundant."
	rank, participation := c.now.rank(), c.now.participation()
	refRank, refParticipation := c.ref.rank(), c.ref.participation()
	top := func(m *Metrics) float64 { return m.TopShare }
	share, refShare := c.now.number(top, leastShare, 1.000001), c.ref.number(top, leastShare, 1.000001)
	if c.referred && (refRank.Known || refParticipation.Known) {
		evidence := []Evidence{}
		found := false
		add := func(name string, value Number, limit float64, fits bool) {
			e := Evidence{name, value, Num(limit)}
			if fits && !found {
				evidence = append([]Evidence{e}, evidence...)
			} else {
				evidence = append(evidence, e)
			}
			found = found || fits
		}
		if rank.Known && refRank.Known {
			limit := c.t.RankRatio * refRank.Value
			add("effective_rank", rank, limit, rank.Value < limit)
		}
		if participation.Known && refParticipation.Known {
			limit := c.t.ParticipationShare * refParticipation.Value
			add("participation_ratio", participation, limit, participation.Value < limit)
		}
		if share.Known && refShare.Known {
			limit := math.Max(c.t.TopShare, refShare.Value+c.t.TopShareMore)
			add("top_share", share, limit, share.Value > limit)
		}
		return c.finding(Dimensional, meaning, evidence...), found
	}
	// A healthy method with clusters needs only as many directions as clusters are in use, which are few at first. A
	// method that draws classes together needs only as many as there are classes.
	if c.now.Assignments != nil || c.run.FewDirections || c.run.progress(c.now.Step) < c.t.Settled ||
		!participation.Known || participation.Value >= c.t.LowParticipation {
		return Finding{}, false
	}
	evidence := []Evidence{{"participation_ratio", participation, Num(c.t.LowParticipation)}}
	found := false
	if limit := c.lowRank(); rank.Known && limit.Known {
		evidence = append(evidence, Evidence{"effective_rank", rank, limit})
		found = rank.Value < limit.Value
	}
	if share.Known {
		evidence = append(evidence, Evidence{"top_share", share, Num(c.t.OneDirection)})
		found = found || share.Value > c.t.OneDirection
	}
	return c.finding(Dimensional, meaning, evidence...), found
}

// lowRank returns the limit of the effective rank without a reference, relative to the untrained network's rank or to
// the number of dimensions.
func (c comparison) lowRank() Number {
	if first := c.start.rank(); c.started && first.Known {
		return Num(c.t.LowRank * first.Value)
	}
	if c.now.Embedding != nil && c.now.Embedding.Dims > 0 {
		return Num(c.t.LowRank * math.Min(float64(c.now.Embedding.Dims), c.t.RankWidth))
	}
	return Number{}
}

// leastShare is less than the share of the variance in the largest direction can be: 0 means that it was not measured.
const leastShare = 1e-9

// uninformative looks for features that are no better than the untrained network's, if those leave room to improve.
func (c comparison) uninformative() (Finding, bool) {
	knn, first := accuracy(c.now), accuracy(c.start)
	if c.run.Warm || !c.halfway() || !c.started || !knn.Known || !first.Known ||
		knn.Value > first.Value+c.t.KNNGain || first.Value > 1-2*c.t.KNNGain {
		return Finding{}, false
	}
	return c.finding(Uninformative,
		"Nothing has collapsed, but the features are no better than those of the untrained network.",
		Evidence{"knn", knn, Num(first.Value + c.t.KNNGain)}, Evidence{"first_knn", first, Number{}}), true
}

// notConverged looks for a loss that has hardly moved.
func (c comparison) notConverged() (Finding, bool) {
	const meaning = "Nothing has collapsed, but the loss is hardly lower than at the start."
	loss := Evidence{"loss", c.now.Loss, Number{}}
	floor, ref := c.run.floor(c.now), Number{}
	if c.referred {
		ref = c.refRun.floor(c.ref)
	}
	switch {
	case !floor.Known:
		return Finding{}, false
	case ref.Known:
		return c.finding(NotConverged, meaning, Evidence{"loss_floor", floor, Num(c.t.HighFloor)},
				Evidence{"reference_loss_floor", ref, Num(c.t.LowFloor)}, loss),
			floor.Value > c.t.HighFloor && ref.Value < c.t.LowFloor
	}
	return c.finding(NotConverged, meaning, Evidence{"loss_floor", floor, Num(c.t.HighFloorAlone)}, loss),
		floor.Value > c.t.HighFloorAlone && c.halfway()
}

// halfway says whether the run has had time to learn something.
func (c comparison) halfway() bool {
	return c.now.Step >= c.t.LearningSteps && c.run.progress(c.now.Step) >= c.t.Half
}

// clusters tries the classes of a clustering in order. The number of empty clusters does not count: healthy DINO used
// 15 to 19 of 256 clusters after 200 steps.
func (c comparison) clusters() Finding {
	a := c.now.Assignments
	if c.now.Stale || a == nil || a.Clusters < 2 || !finite(a.Perplexity) || !finite(a.Information) ||
		!finite(a.Individual) || !finite(a.TopShare) {
		return Finding{Class: Unknown, Meaning: "The assignments were not measured."}
	}
	t := c.t
	most := math.Log(float64(a.Clusters))
	perplexity := func(limit float64) Evidence { return Evidence{"perplexity", Num(a.Perplexity), Num(limit)} }
	information := func(limit float64) Evidence {
		return Evidence{"mutual_information", Num(a.Information), Num(limit)}
	}
	individual := Evidence{"individual_entropy", Num(a.Individual), Num(t.UniformEntropy * most)}
	top := Evidence{"top_share", Num(a.TopShare), Num(t.OneShare)}
	var ref *Assignments
	if r := c.ref.Assignments; c.referred && r != nil && finite(r.Perplexity) && finite(r.Information) {
		ref = r
	}
	few := t.FewShare * float64(min(a.Clusters, max(a.Rows, 1)))
	if a.Rows <= 0 {
		few = t.FewShare * float64(a.Clusters)
	}
	if ref != nil {
		few = t.FewRatio * ref.Perplexity
	}
	switch {
	case a.Perplexity < t.OnePerplexity || a.TopShare > t.OneShare:
		return Finding{Class: OneCluster, Meaning: "All images are assigned to one cluster.",
			Evidence: []Evidence{perplexity(t.OnePerplexity), top, information(t.UniformInformation * most)}}
	case a.Information < t.UniformInformation*most && a.Individual > t.UniformEntropy*most:
		return Finding{Class: Uniform,
			Meaning:  "Every image is assigned equally to all clusters, which says nothing about it.",
			Evidence: []Evidence{information(t.UniformInformation * most), individual, perplexity(few)}}
	case a.Perplexity < few:
		return Finding{Class: FewClusters, Meaning: "The images are assigned to few of the clusters.",
			Evidence: []Evidence{perplexity(few), top, information(t.UniformInformation * most)}}
	case ref != nil && a.Information < t.WeakInformation*ref.Information:
		return Finding{Class: Weak, Meaning: "The assignments say much less about the images than the reference's.",
			Evidence: []Evidence{information(t.WeakInformation * ref.Information), individual, perplexity(few)}}
	}
	return Finding{Class: Healthy, Meaning: "The images are assigned to many clusters, each image to few.",
		Evidence: []Evidence{information(t.UniformInformation * most), perplexity(few), individual}}
}

// missing names the numbers that were not measured.
func (c comparison) missing() []string {
	var names []string
	add := func(name string, known bool) {
		if !known {
			names = append(names, name)
		}
	}
	add("mean_cosine", c.now.cosine().Known)
	add("effective_rank", c.now.rank().Known)
	add("participation_ratio", c.now.participation().Known)
	add("start", c.started && c.start.cosine().Known)
	add("loss", c.now.Loss.Known)
	add("constant_loss", c.run.Constant.Value.Finite())
	add("knn", accuracy(c.now).Known && accuracy(c.start).Known)
	return names
}

// finding fills the evidence up to three numbers with what is known about the embedding.
func (c comparison) finding(class Class, meaning string, evidence ...Evidence) Finding {
	const count = 3
	f := Finding{Class: class, Meaning: meaning}
	add := func(more ...Evidence) {
		for _, e := range more {
			named := false
			for _, have := range f.Evidence {
				named = named || have.Name == e.Name
			}
			if e.Value.Known && !named && len(f.Evidence) < count {
				f.Evidence = append(f.Evidence, e)
			}
		}
	}
	add(evidence...)
	if class == Diverged {
		add(Evidence{"loss", c.now.Loss, Number{}}, Evidence{"first_loss", c.run.firstLoss(), Number{}})
	}
	rankLimit, participationLimit := c.lowRank(), Num(c.t.LowParticipation)
	if v := c.ref.rank(); c.referred && v.Known {
		rankLimit = Num(c.t.RankRatio * v.Value)
	}
	if v := c.ref.participation(); c.referred && v.Known {
		participationLimit = Num(c.t.ParticipationShare * v.Value)
	}
	add(Evidence{"mean_cosine", c.now.cosine(), Num(c.t.CompleteCosine)},
		Evidence{"effective_rank", c.now.rank(), rankLimit},
		Evidence{"participation_ratio", c.now.participation(), participationLimit})
	return f
}

// accuracy returns the kNN accuracy. It is absent when it was not measured or is out of range.
func accuracy(r Reading) Number {
	if r.Stale || !r.KNN.Known || !(r.KNN.Value >= 0 && r.KNN.Value <= 1) {
		return Number{}
	}
	return r.KNN
}
