// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
)

func TestNothingToSay(t *testing.T) {
	m := &collapse.Metrics{Dims: 128, MeanCosine: 0.1, EffectiveRank: 30, ParticipationRatio: 5}
	for name, run := range map[string]collapse.Run{
		"nothing":         {},
		"the start alone": {History: []collapse.Reading{{Embedding: m, KNN: known(0.5)}}},
		"no embedding": {History: []collapse.Reading{{Embedding: m}, {Step: 5, Loss: known(1),
			KNN: known(0.9)}}},
		"metrics not filled": {History: []collapse.Reading{{Embedding: m},
			{Step: 5, Embedding: &collapse.Metrics{}}}},
		"a cosine and no rank": {History: []collapse.Reading{{Embedding: m},
			{Step: 5, Embedding: &collapse.Metrics{MeanCosine: 0.1, Std: 0.95}}}},
		"a cosine of 2": {History: []collapse.Reading{{Embedding: m},
			{Step: 5, Embedding: &collapse.Metrics{MeanCosine: 2, EffectiveRank: 30}}}},
		"stale statistics": {History: []collapse.Reading{{Embedding: m}, {Step: 5, Stale: true, Embedding: m}}},
	} {
		d := collapse.Diagnose(run, nil, collapse.Thresholds{})
		if d.Class != collapse.Unknown || d.Class.Alarming() || d.Meaning == "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	// What is known decides. The rest is listed as missing.
	d := collapse.Diagnose(collapse.Run{History: []collapse.Reading{{Step: 5, Embedding: m}}}, nil,
		collapse.Thresholds{})
	if d.Class != collapse.Healthy || !slices.Equal(d.Missing, []string{"start", "loss", "constant_loss", "knn"}) {
		t.Errorf("one reading: %+v", d)
	}
}

// Rows that are all equal have collapsed, whatever else is known.
func TestEqualRowsAreComplete(t *testing.T) {
	m := collapse.Metrics{Rows: 3, Dims: 2, MeanCosine: 1, StdRaw: 0.01, StdRawMin: 0.01, StdRawLow: 1, TopShare: 1,
		Constant: 2}
	for _, constant := range []collapse.ConstantLoss{{}, {Value: known(4)}, {Value: known(-1), Minimum: true}} {
		run := collapse.Run{Constant: constant, History: []collapse.Reading{{Loss: known(1), Embedding: &m},
			{Step: 9, Loss: known(0.5), Embedding: &m}}}
		is(t, "equal rows", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Complete)
	}
}

// Embeddings that were one point before training because of the images blame the images.
func TestDataAreBlamed(t *testing.T) {
	same := collapse.Metrics{Rows: 20, Dims: 8, MeanCosine: 1, TopShare: 1}
	spread := collapse.Metrics{Rows: 20, Dims: 8, MeanCosine: 0.1, Std: 0.9, EffectiveRank: 7, ParticipationRatio: 5}
	for name, c := range map[string]struct {
		start    collapse.Metrics
		distinct int
		want     string
	}{
		"copies":            {same, 1, "all images of the sample are the same"},
		"few images":        {same, 2, "the sample has only 2 distinct images"},
		"nobody has looked": {same, 0, "an untrained network cannot tell the images apart (its std was 0.000)"},
		"a method's fault":  {spread, 0, ""},
		"not measured":      {collapse.Metrics{}, 0, ""},
	} {
		run := collapse.Run{History: []collapse.Reading{{Embedding: &c.start, Distinct: c.distinct},
			{Step: 9, Embedding: &same}}}
		d := collapse.Diagnose(run, nil, collapse.Thresholds{})
		if d.Class != collapse.Complete || d.Data != c.want || !strings.Contains(d.Meaning, c.want) {
			t.Errorf("%s: %s %q: %s", name, d.Class, d.Data, d.Meaning)
		}
	}
}

// The loss decides whether a large mean is a collapse: at its minimum, at the chance level, or at neither.
func TestOnePointNeedsTheLoss(t *testing.T) {
	run := func(loss, first float64, constant collapse.ConstantLoss) collapse.Run {
		r := arm{cosine: 0.98, rank: 40, participation: 8, dims: 128, knn: 0.75}.run()
		r.Constant = constant
		r.History[0].Loss = known(first)
		for i := range r.History[1:] {
			r.History[i+1].Loss = known(loss)
		}
		return r
	}
	lowest, chance := collapse.ConstantLoss{Value: known(-1), Minimum: true}, collapse.ConstantLoss{Value: known(24.75)}
	for name, c := range map[string]struct {
		run  collapse.Run
		want collapse.Class
	}{
		"at the minimum":              {run(-0.97, 0, lowest), collapse.Complete},
		"near it":                     {run(-0.9, 0, lowest), collapse.Collapsing},
		"above it":                    {run(-0.7, 0, lowest), collapse.Healthy},
		"at the chance level":         {run(24.7, 30, chance), collapse.Complete},
		"below it":                    {run(18, 30, chance), collapse.Healthy},
		"with no first loss to speak": {run(-0.97, -1, lowest), collapse.Complete},
	} {
		d := collapse.Diagnose(c.run, nil, collapse.Thresholds{})
		is(t, name, d.Class, c.want)
		if c.want == collapse.Healthy && !strings.Contains(d.Meaning, "mean") {
			t.Errorf("%s: nothing is said of the mean: %s", name, d.Meaning)
		}
	}
}

func TestAClassIsConfirmedWhenItLasts(t *testing.T) {
	good := &collapse.Metrics{Dims: 128, MeanCosine: 0.2, EffectiveRank: 40, ParticipationRatio: 5}
	bad := &collapse.Metrics{Dims: 128, MeanCosine: 0.99, EffectiveRank: 40, ParticipationRatio: 5}
	run := collapse.Run{Steps: 1000, History: []collapse.Reading{{Embedding: good}}}
	add := func(step int, m *collapse.Metrics) collapse.Diagnosis {
		run.History = append(run.History, collapse.Reading{Step: step, Embedding: m})
		return collapse.Diagnose(run, nil, collapse.Thresholds{})
	}
	for i, c := range []struct {
		step      int
		m         *collapse.Metrics
		class     collapse.Class
		held      int
		confirmed bool
	}{
		{1, bad, collapse.Complete, 1, false}, {2, bad, collapse.Complete, 2, false},
		{5, bad, collapse.Complete, 3, false}, // three times, but in the first twentieth of the run
		{10, good, collapse.Healthy, 1, false},
		{60, bad, collapse.Complete, 1, false}, {70, bad, collapse.Complete, 2, false}, {80, bad, collapse.Complete, 3,
			true},
		{90, good, collapse.Healthy, 1, false}, {100, good, collapse.Healthy, 2, false}, {110, good, collapse.Healthy,
			3, true},
	} {
		d := add(c.step, c.m)
		if d.Class != c.class || d.Held != c.held || d.Confirmed != c.confirmed {
			t.Errorf("reading %d: %s, held %d, confirmed %v", i, d.Class, d.Held, d.Confirmed)
		}
	}
}

// Early in a run, ranks and kNN accuracy are not judged, nor convergence without a reference.
func TestEarlyReadingsAreNotJudgedByWhatTakesTime(t *testing.T) {
	for name, late := range map[string]collapse.Class{"vicreg-nocov": collapse.Dimensional,
		"vicreg-noinv": collapse.Uninformative, "simsiam-fixpred": collapse.NotConverged} {
		run := find(t, name, 0).run()
		is(t, name+" at the end", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, late)
		run.Steps = 10000
		is(t, name+" at the beginning", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, collapse.Healthy)
		run.Steps = 0
		is(t, name+" of unknown length", collapse.Diagnose(run, nil, collapse.Thresholds{}).Class, late)
	}
	// A class of clusters that the run began with gets longer.
	run := find(t, "dino-nosharp", 0).run()
	run.Steps = 2500 // 200 steps are between Grace and Settled
	if d := collapse.Diagnose(run, nil, collapse.Thresholds{}); !d.Clusters.Confirmed {
		t.Errorf("%+v", d.Clusters)
	}
	run.History[0].Assignments = run.History[1].Assignments
	if d := collapse.Diagnose(run, nil, collapse.Thresholds{}); d.Clusters.Confirmed ||
		d.Clusters.Class != collapse.Uniform {
		t.Errorf("%+v", d.Clusters)
	}
}

// The reference is read at the same step. A reference that has only just begun does not count.
func TestTheReferenceIsOfTheSameStep(t *testing.T) {
	m := func(rank float64) *collapse.Metrics {
		return &collapse.Metrics{Dims: 128, MeanCosine: 0.1, EffectiveRank: rank, ParticipationRatio: 5}
	}
	reference := collapse.Run{History: []collapse.Reading{{Step: 200, Embedding: m(20)}, {Step: 0, Embedding: m(90)},
		{Step: 100, Embedding: m(60)}}}
	for _, c := range []struct {
		step int
		want collapse.Class
	}{{50, collapse.Healthy}, {100, collapse.Dimensional}, {150, collapse.Dimensional}, {200, collapse.Healthy},
		{900, collapse.Healthy}} {
		run := collapse.Run{History: []collapse.Reading{{Step: c.step, Embedding: m(15)}}}
		is(t, "a rank of 15", collapse.Diagnose(run, &reference, collapse.Thresholds{}).Class, c.want)
	}
}

func TestWeakAssignmentsAndWorst(t *testing.T) {
	reference, run := find(t, "swav", 0).run(), find(t, "swav", 0).run()
	for i := range run.History[1:] {
		run.History[i+1].Assignments.Information = 0.3
		run.History[i+1].Assignments.Individual = 3
	}
	d := collapse.Diagnose(run, &reference, collapse.Thresholds{})
	is(t, "a third of the information", d.Clusters.Class, collapse.Weak)
	is(t, "the worst", d.Worst().Class, collapse.Healthy)
	is(t, "without a reference", collapse.Diagnose(run, nil, collapse.Thresholds{}).Clusters.Class, collapse.Healthy)

	uniform := find(t, "dino-nosharp", 0).run()
	is(t, "clusters that are worse than the embedding", collapse.Diagnose(uniform, nil,
		collapse.Thresholds{}).Worst().Class, collapse.Uniform)
	both := find(t, "swav-nosk", 0).run()
	is(t, "both", collapse.Diagnose(both, nil, collapse.Thresholds{}).Worst().Class, collapse.Complete)
}

// The order of the readings does not matter, and nothing that is passed in changes.
func TestDiagnoseIsPure(t *testing.T) {
	for _, a := range arms {
		run, reference := a.run(), find(t, "simsiam", 0).run()
		want := collapse.Diagnose(run, &reference, collapse.Thresholds{})
		shuffled := a.run()
		rng().Shuffle(len(shuffled.History), func(i, j int) {
			h := shuffled.History
			h[i], h[j] = h[j], h[i]
		})
		before := slices.Clone(shuffled.History)
		got := collapse.Diagnose(shuffled, &reference, collapse.DefaultThresholds())
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, in another order %+v", a.name, want, got)
		}
		if !reflect.DeepEqual(shuffled.History, before) {
			t.Errorf("%s: the history was changed", a.name)
		}
	}
}

func TestEvidenceReadsAndIsJSON(t *testing.T) {
	d := collapse.Diagnose(find(t, "moco-m0", 0).run(), nil, collapse.Thresholds{})
	want := "COMPLETE: All embeddings are one point, and the loss does not push them apart: the encoder ignores its " +
		"input. (mean_cosine 0.997 (above 0.93), loss_off_chance 0.00198 (below 0.01), loss 7.61 (below 7.63))"
	if got := d.Finding.String(); got != want {
		t.Errorf("%s", got)
	}
	run := find(t, "dino", 0).run()
	run.History[3].Loss = known(math.Inf(1))
	d = collapse.Diagnose(run, nil, collapse.Thresholds{})
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"class":"DIVERGED"`, `"name":"loss","value":null`, `"thresholds_version":2`, `"clusters":{"class":"HEALTHY"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	var back collapse.Diagnosis
	if err := json.Unmarshal(text, &back); err != nil || back.Class != d.Class || back.Held != d.Held {
		t.Errorf("%v: %+v", err, back)
	}
	runs, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	var again collapse.Run
	if err := json.Unmarshal(runs, &again); err != nil || collapse.Diagnose(again, nil,
		collapse.Thresholds{}).Class != collapse.Diverged {
		t.Errorf("a run written and read: %v", err)
	}
}

// odd draws a number that a broken run may have, or an ordinary one.
func odd(r *rand.Rand) float64 {
	special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1, 1e308, -1e308, 5e-324, 0.93, 0.999999, 128}
	if r.IntN(2) == 0 {
		return special[r.IntN(len(special))]
	}
	return r.Float64() * []float64{1, 100, -1}[r.IntN(3)]
}

func oddNumber(r *rand.Rand) collapse.Number {
	return collapse.Number{Value: odd(r), Known: r.IntN(4) > 0}
}

func oddRun(r *rand.Rand) collapse.Run {
	run := collapse.Run{Steps: r.IntN(4)*100 - 100, Constant: collapse.ConstantLoss{Value: oddNumber(r),
		Minimum: r.IntN(2) == 0, SeesLength: r.IntN(2) == 0}}
	metrics := func() *collapse.Metrics {
		if r.IntN(5) == 0 {
			return nil
		}
		return &collapse.Metrics{
			Rows: r.IntN(4) - 1, Dims: r.IntN(130) - 1, MeanCosine: odd(r), Std: odd(r), StdRaw: odd(r),
			EffectiveRank: odd(r), RankMe: odd(r),
			ParticipationRatio: odd(r), TopShare: odd(r), CorrelationOff: odd(r),
		}
	}
	for range r.IntN(8) {
		reading := collapse.Reading{Step: r.IntN(400) - 50, Loss: oddNumber(r), NonFinite: r.IntN(20) == 0,
			Stale: r.IntN(5) == 0, Embedding: metrics(), Backbone: metrics(), KNN: oddNumber(r)}
		if r.IntN(2) == 0 {
			reading.Assignments = &collapse.Assignments{
				Rows: r.IntN(50) - 1, Clusters: r.IntN(20) - 1, Marginal: odd(r), Perplexity: odd(r),
				Individual: odd(r), Information: odd(r), TopShare: odd(r), Used: r.IntN(9),
			}
		}
		run.History = append(run.History, reading)
	}
	return run
}

// sound fails the test if the diagnosis says what no diagnosis may.
func sound(t *testing.T, run collapse.Run, reference *collapse.Run, thresholds collapse.Thresholds) {
	t.Helper()
	d := collapse.Diagnose(run, reference, thresholds)
	var last collapse.Reading
	for _, r := range run.History {
		if r.Step >= last.Step { // the newest; of equal steps the last
			last = r
		}
	}
	broken := last.Step > 0 && (last.NonFinite || last.Loss.Known && !last.Loss.Finite())
	if broken && d.Class != collapse.Diverged {
		t.Errorf("a run that is not finite is %s: %+v", d.Class, run)
	}
	m := last.Embedding
	if seen := last.Step > 0 && !last.Stale && m != nil && math.Abs(m.MeanCosine) <= 1.000001; !seen &&
		d.Class != collapse.Unknown && d.Class != collapse.Diverged {
		t.Errorf("nobody saw the embedding, and it is %s: %+v", d.Class, run)
	}
	if d.Class == collapse.Unknown && !strings.Contains(d.Meaning, "measured") {
		t.Errorf("unknown without a reason: %+v", d)
	}
	findings := []collapse.Finding{d.Finding}
	if d.Clusters != nil {
		findings = append(findings, *d.Clusters)
	}
	for _, f := range findings {
		if f.Class == "" || f.Meaning == "" || len(f.Evidence) > 3 || f.Held < 0 || f.Held > len(run.History) {
			t.Errorf("%+v of %+v", f, run)
		}
		for _, e := range f.Evidence {
			if e.Name == "" || !e.Value.Known || !e.Value.Finite() && f.Class != collapse.Diverged {
				t.Errorf("%s rests on %+v", f.Class, e)
			}
		}
		if f.String() == "" {
			t.Error("a finding that says nothing")
		}
	}
	if _, err := json.Marshal(d); err != nil {
		t.Errorf("%v: %+v", err, d)
	}
}

func TestDiagnoseIsSoundOnBrokenRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 20000 {
		run, reference := oddRun(r), oddRun(r)
		sound(t, run, nil, collapse.Thresholds{})
		sound(t, run, &reference, collapse.Thresholds{})
		sound(t, run, &reference, collapse.Thresholds{Version: 2, Patience: r.IntN(3) - 1, CompleteCosine: odd(r),
			DivergedFactor: odd(r), LowRank: odd(r), RankRatio: odd(r)})
		if t.Failed() {
			return
		}
	}
}

// FuzzDiagnose reads a run from bytes: eight for each number of a reading.
func FuzzDiagnose(f *testing.F) {
	const numbers = 9
	for _, a := range []arm{arms[0], arms[5], arms[13]} {
		var seed []byte
		for _, r := range a.run().History {
			m := r.Embedding
			for _, v := range [numbers]float64{float64(r.Step), r.Loss.Value, r.KNN.Value, m.MeanCosine,
				m.EffectiveRank, m.ParticipationRatio, m.TopShare, m.StdRaw, float64(m.Dims)} {
				seed = binary.LittleEndian.AppendUint64(seed, math.Float64bits(v))
			}
		}
		f.Add(seed, a.constant.Value, a.minimum)
	}
	f.Add([]byte{}, math.NaN(), true)
	f.Fuzz(func(t *testing.T, data []byte, constant float64, minimum bool) {
		run := collapse.Run{Steps: 200, Constant: collapse.ConstantLoss{Value: known(constant), Minimum: minimum,
			SeesLength: minimum}}
		for ; len(data) >= 8*numbers && len(run.History) < 50; data = data[8*numbers:] {
			v := func(i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])) }
			whole := func(i int) int {
				if math.IsNaN(v(i)) {
					return 0
				}
				return int(math.Min(math.Abs(v(i)), 1e6))
			}
			run.History = append(run.History, collapse.Reading{
				Step: whole(0), Loss: known(v(1)), KNN: known(v(2)),
				Embedding: &collapse.Metrics{Dims: whole(8), MeanCosine: v(3), EffectiveRank: v(4),
					ParticipationRatio: v(5), TopShare: v(6), StdRaw: v(7)},
			})
		}
		sound(t, run, nil, collapse.Thresholds{})
		sound(t, run, &run, collapse.Thresholds{})
	})
}
