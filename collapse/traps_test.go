// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
)

// Each test below is a situation in which a verdict by one number is wrong. Its first half shows that the verdict is
// wrong, its second that Diagnose is right. The numbers come from the calibration or from embeddings made for the test.

// healthyByStd and its like are verdicts by one number, with a limit that would seem obvious.
func healthyByStd(a arm) bool           { return a.std > 0.5 }
func healthyByCosine(a arm) bool        { return a.cosine < 0.5 }
func healthyByRank(a, control arm) bool { return a.rank > 0.4*control.rank }
func healthyByChance(a arm) bool        { return a.knn > 0.1+0.05 } // of ten classes
func (a arm) diagnose() collapse.Class {
	return collapse.Diagnose(a.run(), nil, collapse.Thresholds{}).Class
}
func (a arm) against(c arm) collapse.Class {
	control := c.run()
	return collapse.Diagnose(a.run(), &control, collapse.Thresholds{}).Class
}

func is(t *testing.T, what string, got, want collapse.Class) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestTrapStdAloneCannotSeeRankCollapse(t *testing.T) {
	for _, name := range []string{"vicreg-nocov", "simsiam-nopred", "barlow-on"} {
		a := find(t, name, 0)
		if !healthyByStd(a) || !healthyByCosine(a) {
			t.Errorf("%s: std %g and cosine %g would do", name, a.std, a.cosine)
		}
		is(t, name, a.diagnose(), collapse.Dimensional)
		is(t, name+" with a reference", a.against(find(t, a.reference, 0)), collapse.Dimensional)
	}
}

func TestTrapEffectiveRankAloneCannotSeeCompleteCollapse(t *testing.T) {
	a, control := find(t, "vicreg-novar", 0), find(t, "vicreg", 0)
	if !healthyByRank(a, control) || a.rank < 3*control.rank {
		t.Errorf("a rank of %g against %g would do", a.rank, control.rank)
	}
	is(t, a.name, a.diagnose(), collapse.Complete)
	is(t, a.name+" with a reference", a.against(control), collapse.Complete)
}

func TestTrapRankIsNotQuality(t *testing.T) {
	a, control := find(t, "vicreg-noinv", 0), find(t, "vicreg", 0)
	if !healthyByRank(a, control) || !healthyByStd(a) || !healthyByCosine(a) {
		t.Errorf("rank %g, std %g or cosine %g would do", a.rank, a.std, a.cosine)
	}
	is(t, a.name, a.diagnose(), collapse.Uninformative)
	is(t, a.name+" with a reference", a.against(control), collapse.Uninformative)
}

func TestTrapChanceAccuracyIsTheWrongYardstick(t *testing.T) {
	for _, a := range []arm{find(t, "simclr-noneg", 1), find(t, "wmse-nowhite", 0), find(t, "vicreg-noinv", 0),
		find(t, "barlow-off", 0)} {
		if !healthyByChance(a) {
			t.Errorf("%s: an accuracy of %g is near chance", a.name, a.knn)
		}
		if class := a.diagnose(); class != collapse.Complete && class != collapse.Uninformative {
			t.Errorf("%s: %s", a.name, class)
		}
	}
	// No accuracy separates them either: one run that collapsed has a higher one than a healthy run.
	collapsed, control := find(t, "byol-nopred", 0), find(t, "byol", 1)
	if collapsed.knn <= control.knn {
		t.Error("accuracy would do")
	}
	is(t, collapsed.name, collapsed.diagnose(), collapse.Complete)
	is(t, control.name, control.diagnose(), collapse.Healthy)
	// The same accuracy is a gain for the network of one seed and none for that of another.
	a := find(t, "simsiam", 0)
	a.knn = 0.665
	is(t, "0.665 from 0.655", a.diagnose(), collapse.Uninformative)
	a.seed = 1
	is(t, "0.665 from 0.607", a.diagnose(), collapse.Healthy)
}

// SimSiam without stop-gradient: cosine and std pass one seed, rank passes another. Only both together find all three.
func TestTrapOneSeedAndOneMetricLie(t *testing.T) {
	byCosine, byRank := 0, 0
	for seed := range 3 {
		a, control := find(t, "simsiam-nosg", seed), find(t, "simsiam", seed)
		if healthyByCosine(a) && healthyByStd(a) {
			byCosine++
		}
		if healthyByRank(a, control) {
			byRank++
		}
		for how, class := range map[string]collapse.Class{"alone": a.diagnose(),
			"with a reference": a.against(control)} {
			if class != collapse.Complete && class != collapse.Dimensional && class != collapse.Collapsing {
				t.Errorf("seed %d, %s: %s", seed, how, class)
			}
		}
	}
	if byCosine != 1 || byRank != 1 {
		t.Errorf("cosine and std pass %d seeds and rank %d: one each was the trap", byCosine, byRank)
	}
	// Seed 0 while collapsing: the cosine is high and rises.
	a := find(t, "simsiam-nosg", 0)
	run := a.run()
	for i, cosine := range []float64{0.31, 0.62, 0.76, 0.859} {
		m := *run.History[i].Embedding
		m.MeanCosine = cosine
		run.History[i].Embedding = &m
	}
	control := find(t, "simsiam", 0).run()
	is(t, "on its way, with a reference", collapse.Diagnose(run, &control, collapse.Thresholds{}).Class,
		collapse.Collapsing)
	is(t, "on its way, alone", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Collapsing)
}

// Before training, a head with batch norm gives one point with its initial running statistics, but not with the
// statistics of its images.
func TestTrapStepZeroWithUntrainedStatisticsIsMeaningless(t *testing.T) {
	untrained := collapse.Metrics{Dims: 32, MeanCosine: 0.995, EffectiveRank: 20, ParticipationRatio: 9}
	own := collapse.Metrics{Dims: 32, MeanCosine: 0.3, EffectiveRank: 20, ParticipationRatio: 9}

	// Taken at face value, the first reading would excuse every collapse: the embedding was one point before, too.
	a := find(t, "byol-nopred", 0)
	run := a.run()
	run.History[0].Embedding = &untrained
	is(t, "the naive start", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.NotExpanded)
	run.History[0].Stale = true
	is(t, "a stale start", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Complete)
	run.History[0].Stale, run.History[0].Embedding = false, &own
	is(t, "the start with its own statistics", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class,
		collapse.Complete)

	// It would also find a collapse in the first steps of every run.
	early := collapse.Run{Steps: 1000, History: []collapse.Reading{{Embedding: &own}, {Step: 1, Embedding: &untrained},
		{Step: 2, Embedding: &untrained}, {Step: 5, Embedding: &untrained}}}
	is(t, "the naive first steps", collapse.Diagnose(early, nil, collapse.Thresholds{}).Class, collapse.Complete)
	for i := range early.History {
		early.History[i].Stale = i > 0
	}
	is(t, "stale first steps", collapse.Diagnose(early, nil, collapse.Thresholds{}).Class, collapse.Unknown)
}

// Published claims contradict one another, because they hold under conditions: BYOL without momentum collapses in one
// paper and not in another. What counts is what this run did.
func TestTrapTheSwitchIsNotTheVerdict(t *testing.T) {
	is(t, "byol without momentum, 200 steps", find(t, "byol-tau0", 0).diagnose(), collapse.Healthy)
	is(t, "byol without momentum, 1000 steps", find(t, "byol-tau0@1000", 0).against(find(t, "byol@1000", 0)),
		collapse.Healthy)
	is(t, "vicreg with coefficients of 1", find(t, "vicreg-111", 0).against(find(t, "vicreg", 0)), collapse.Healthy)
}

// A head without batch norm starts as one point. That is no collapse. A collapse after it has spread is one.
func TestTrapOnePointFromTheStart(t *testing.T) {
	a := find(t, "simsiam-nobn-heads", 0)
	is(t, a.name, a.diagnose(), collapse.NotExpanded)
	run := a.run()
	spread := *run.History[1].Embedding
	spread.MeanCosine = 0.3
	run.History[1].Embedding = &spread
	is(t, "one point again", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Complete)
}

// Healthy methods with clusters have low ranks early.
func TestTrapFewDirectionsAreEnoughForClusters(t *testing.T) {
	for _, name := range []string{"swav", "dino"} {
		for seed := range 2 {
			a := find(t, name, seed)
			if a.participation >= collapse.DefaultThresholds().LowParticipation {
				t.Errorf("%s: a participation ratio of %g would do", name, a.participation)
			}
			is(t, name, a.diagnose(), collapse.Healthy)
		}
	}
}

// Empty clusters are no alarm, and using all of them is no all-clear.
func TestTrapEmptyClustersSayNothingEarly(t *testing.T) {
	healthyRun, uniform := find(t, "dino", 0).run(), find(t, "dino-nosharp", 0).run()
	for i := range healthyRun.History[1:] {
		healthyRun.History[i+1].Assignments.Used = 15
		uniform.History[i+1].Assignments.Used = 100
	}
	is(t, "15 of 256 used", collapse.Diagnose(healthyRun, nil, collapse.Thresholds{}).Clusters.Class, collapse.Healthy)
	is(t, "100 of 256 used", collapse.Diagnose(uniform, nil, collapse.Thresholds{}).Clusters.Class, collapse.Uniform)
}

// Divergence gives chance accuracy and is no collapse.
func TestTrapDivergenceIsNotCollapse(t *testing.T) {
	a := find(t, "simclr-noneg", 2)
	run := a.run()
	run.History[3].Loss = known(math.NaN())
	d := collapse.Diagnose(run, nil, collapse.Thresholds{})
	is(t, "a loss that is NaN", d.Class, collapse.Diverged)
	if !d.Confirmed || d.Held != 1 {
		t.Errorf("%+v", d)
	}
	b := find(t, "simclr", 0)
	high := b.run()
	for i := range high.History[1:] {
		high.History[i+1].Loss = known(15.1 + float64(i))
	}
	is(t, "three times the first loss", collapse.Diagnose(high, nil, collapse.Thresholds{}).Class, collapse.Diverged)
}

// The first loss is no yardstick if it is small for other reasons.
func TestTrapTheFirstLossIsSmall(t *testing.T) {
	run := find(t, "moco", 0).run()
	losses := func(first float64, later ...float64) {
		run.History[0].Loss = known(first)
		for i, v := range later {
			run.History[i+1].Loss = known(v)
		}
	}
	losses(0.003, 6.1, 6.2, 6.3) // a queue of random vectors is easily told from an embedding
	run.Constant = collapse.ConstantLoss{Value: known(math.Log(2049))}
	is(t, "a queue that fills", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Healthy)

	losses(-0.05, -0.1, -0.1, -0.08) // three times -0.05 is less than -0.1
	run.Constant = collapse.ConstantLoss{Value: known(-1), Minimum: true}
	if class := collapse.Diagnose(run, nil, collapse.Thresholds{}).Class; class == collapse.Diverged {
		t.Error("a negative loss has diverged")
	}

	losses(-0.999, -0.9, -0.8, -0.75) // from one point the way is up
	run.History[0].Embedding = &collapse.Metrics{Dims: 128, MeanCosine: 0.96, EffectiveRank: 68, ParticipationRatio: 30}
	if class := collapse.Diagnose(run, nil, collapse.Thresholds{}).Class; class == collapse.Diverged {
		t.Error("an expanding embedding has diverged")
	}
}

// Under a loss of cosines a short embedding is as good as a long one. Under a loss that depends on the length, a short
// embedding is one point.
func TestTrapAShortEmbeddingIsOnePointOnlyWhereLengthCounts(t *testing.T) {
	run := find(t, "vicreg", 0).run()
	run.Constant = collapse.ConstantLoss{Value: known(0), Minimum: true}
	for i := range run.History {
		m := *run.History[i].Embedding
		m.StdRaw = 1
		if i > 0 {
			m.StdRaw = 0.012
			run.History[i].Loss = known(0.01)
		}
		run.History[i].Embedding = &m
	}
	run.History[0].Loss = known(1)
	is(t, "a loss of cosines", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Healthy)
	run.Constant.SeesLength = true
	is(t, "a loss that sees the length", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Complete)
}

// Early in a healthy run the mean cosine may rise far while the loss falls. If a constant embedding is at the chance
// level of the loss, that is no collapse. The numbers are SimCLR's in its first 80 steps.
func TestTrapTheCosineRisesEarly(t *testing.T) {
	run := collapse.Run{Steps: 800, Constant: collapse.ConstantLoss{Value: known(math.Log(127))}}
	for i, step := range []int{0, 20, 40, 60, 80} {
		cosine := []float64{0.282, 0.505, 0.608, 0.803, 0.828}[i]
		run.History = append(run.History, collapse.Reading{
			Step: step, Loss: known([]float64{4.9, 4.2, 3.8, 3.495, 3.219}[i]), Embedding: &collapse.Metrics{Dims: 128,
				MeanCosine: cosine, EffectiveRank: 11, ParticipationRatio: 2.2},
		})
	}
	is(t, "a loss that falls", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Healthy)
	constant := run.Constant
	run.Constant = collapse.ConstantLoss{}
	is(t, "a loss of which nothing is known, early", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class,
		collapse.Healthy)
	run.Constant = constant
	for i := range run.History {
		run.History[i].Loss = known(4.8)
	}
	is(t, "a loss at the chance level", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Collapsing)
}

// Targets that change all at once make the mean cosine jump; then it falls again. The numbers are of DeepCluster-v2,
// which first clustered an epoch's embeddings at step 195.
func TestTrapTheCosineJumps(t *testing.T) {
	run := collapse.Run{Steps: 975, Constant: collapse.ConstantLoss{Value: known(math.Log(64))}}
	for i, step := range []int{0, 152, 171, 190, 209, 228, 247, 266} {
		cosine := []float64{0.286, 0.499, 0.480, 0.466, 0.927, 0.929, 0.9292, 0.925}[i]
		run.History = append(run.History, collapse.Reading{
			Step: step, Loss: known(4.1), Embedding: &collapse.Metrics{Dims: 128, MeanCosine: cosine, EffectiveRank: 24,
				ParticipationRatio: 2.5},
		})
	}
	is(t, "after a jump", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Healthy)
	for i := range run.History[4:] {
		run.History[4+i].Embedding.MeanCosine = 0.89 + 0.01*float64(i)
	}
	is(t, "on the way up", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Collapsing)
}

// A collapse that has come to rest does not rise any more, and may rest a little short of what counts as one point. The
// numbers are of BYOL without predictor and of VICReg without variance, and of their controls: 200 steps on CIFAR-10.
func TestTrapTheCollapseRests(t *testing.T) {
	of := func(first float64, cosine, loss []float64, rank, participation float64) collapse.Run {
		run := collapse.Run{Steps: 200, Constant: collapse.ConstantLoss{Value: known(0), Minimum: true}}
		for i, step := range []int{0, 20, 50, 100, 200} {
			reading := collapse.Reading{Step: step, KNN: known(0.246), Embedding: &collapse.Metrics{Dims: 128,
				MeanCosine: cosine[i], EffectiveRank: rank, ParticipationRatio: participation}}
			if reading.Loss = known(first); i > 0 {
				reading.Loss, reading.KNN = known(loss[i]), known(0.288)
			}
			run.History = append(run.History, reading)
		}
		return run
	}
	byol := of(1.78, []float64{0.338, 0.964, 0.966, 0.975, 0.980}, []float64{0, 0.2, 0.12, 0.09, 0.091}, 11.2, 1.07)
	control := of(3.9, []float64{0.338, 0.52, 0.45, 0.38, 0.325}, []float64{0, 3.1, 2.6, 2.3, 2.1}, 18.1, 1.24)
	vicreg := of(5.50, []float64{0.329, 0.645, 0.865, 0.919, 0.928}, []float64{0, 0.19, 0.039, 0.017, 0.0136}, 156.6,
		41.3)
	spread := of(40, []float64{0.329, 0.3, 0.29, 0.28, 0.277}, []float64{0, 30, 27, 26, 25}, 70.8, 8.2)
	for name, c := range map[string][2]collapse.Run{"BYOL": {byol, control}, "VICReg": {vicreg, spread}} {
		is(t, name+", with a reference", collapse.Diagnose(c[0], &c[1], collapse.Thresholds{}).Class,
			collapse.Collapsing)
		is(t, name+", alone", collapse.Diagnose(c[0], nil, collapse.Thresholds{}).Class, collapse.Collapsing)
		is(t, name+"'s control", collapse.Diagnose(c[1], nil, collapse.Thresholds{}).Class, collapse.Healthy)
		// As high a mean cosine under a loss that sees what is beside the mean is no collapse.
		for i := range c[0].History[1:] {
			c[0].History[1+i].Loss = known(0.3 * c[0].History[0].Loss.Value)
		}
		if class := collapse.Diagnose(c[0], nil, collapse.Thresholds{}).Class; class == collapse.Collapsing ||
			class == collapse.Complete {
			t.Errorf("%s at a third of its first loss is %s", name, class)
		}
	}
}

// When a method draws all images of a class to one point, ten classes fill few directions, and no dimension is lost.
// The numbers are SupCon's.
func TestTrapClassesNeedFewDirections(t *testing.T) {
	run := collapse.Run{Steps: 975, Constant: collapse.ConstantLoss{Value: known(math.Log(511))}}
	for i, step := range []int{0, 494, 760, 950} {
		run.History = append(run.History, collapse.Reading{
			Step: step, Loss: known(6 - 0.01*float64(i)), Embedding: &collapse.Metrics{
				Dims: 128, MeanCosine: 0.7, EffectiveRank: []float64{88, 5.3, 4.7, 4.9}[i],
				ParticipationRatio: []float64{7.9, 1.7, 1.9, 1.9}[i],
			},
		})
	}
	is(t, "without labels", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Dimensional)
	run.FewDirections = true
	is(t, "with labels", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Healthy)
}

// A run that begins with trained weights begins with good features, and may keep them.
func TestTrapTheStartIsNotUntrained(t *testing.T) {
	run := find(t, "vicreg", 0).run()
	run.History[0].KNN = run.History[3].KNN
	is(t, "from nothing", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Uninformative)
	run.Warm = true
	is(t, "from trained weights", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Healthy)
}

// Healthy runs on CIFAR-10 have a participation ratio as low as those that lost dimensions.
func TestTrapAHealthyEmbeddingHasFewLargeDirections(t *testing.T) {
	for name, c := range map[string]struct {
		dims                       int
		first, rank, participation float64
		want                       collapse.Class
	}{
		"simsiam":                       {512, 322.5, 60.8, 1.27, collapse.Healthy},
		"byol, early":                   {128, 104.8, 10.9, 1.97, collapse.Healthy},
		"simsiam without stop-gradient": {512, 322.5, 2.6, 1.00, collapse.Dimensional},
	} {
		a := arm{cosine: 0.3, rank: c.rank, participation: c.participation, dims: c.dims, knn: 0.75}
		run := a.run()
		run.History[0].Embedding.EffectiveRank = c.first
		for _, r := range run.History[1:] {
			r.Embedding.CorrelationOff = 0.8 // one large direction in dimensions of equal variance
			r.Embedding.TopShare = 1 / math.Sqrt(c.participation)
		}
		is(t, name, collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, c.want)
	}
}
