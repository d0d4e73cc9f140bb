// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/history"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
	"github.com/parallax-ssl/parallax/lab/expect"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
)

// A fate is what happens to a fabricated run.
type fate int

const (
	well       fate = iota // spreads over many directions
	onePoint               // all embeddings become the same
	onAPlane               // few directions are left, the spread stays
	notAtAll               // nothing moves
	runsToInf              // the loss grows beyond bounds
	fateNumber             // the number of fates
)

// fabricated returns the events that a run with this fate could have logged. The shapes of curves, spectra and points
// are those of real runs of the laboratory's network; the numbers are invented.
func fabricated(f fate, seed int, steps int) []run.Event {
	r := rand.New(rand.NewPCG(uint64(seed), uint64(f)))
	constant := &collapse.ConstantLoss{Value: run.Num(-1), Minimum: true}
	events := []run.Event{{Event: run.Start, Method: "simsiam", Steps: steps, Constant: constant}}
	const dims, images, classes = 128, 200, 10
	pace := 0.6 + r.Float64() // seeds collapse at different paces
	centres := make([][2]float64, classes)
	for k := range centres {
		centres[k] = [2]float64{r.NormFloat64() * 0.35, r.NormFloat64() * 0.35}
	}
	noise := make([][2]float64, images)
	for i := range noise {
		noise[i] = [2]float64{r.NormFloat64(), r.NormFloat64()}
	}
	evaluated := map[int]bool{0: true, 1: true, 2: true, 5: true, 10: true, 20: true, 50: true, 100: true, steps: true}
	for step := 0; step <= steps; step++ {
		done := float64(step) / float64(steps)
		learnt := 1 - math.Exp(-3*done)
		lost := 1 / (1 + math.Exp(-12*(done*pace-0.35))) // of what is lost, the share that is
		e := run.Event{Step: step, Epoch: step / 40}
		loss := -0.85 * learnt
		switch f {
		case onePoint:
			loss = -0.6*learnt - 0.4*lost
		case onAPlane:
			loss = -0.95 * learnt
		case notAtAll:
			loss = -0.05 * learnt
		case runsToInf:
			loss = math.Exp(done * pace * 30)
		}
		if step == 1 || step > 0 && step%5 == 0 {
			s := e
			s.Event = run.StepEnd
			s.Set(run.Loss, run.Num(loss+0.01*r.NormFloat64()))
			events = append(events, s)
		}
		if !evaluated[step] {
			continue
		}
		cosine, rank, ratio, std := 0.2-0.15*learnt, 60-20*learnt, 20-8*learnt, 0.9+0.08*learnt
		spread := 0.5 + 0.5*learnt
		knn := 0.62 + 0.12*learnt
		switch f {
		case onePoint:
			cosine, rank = cosine+(0.99-cosine)*lost, rank-(rank-6)*lost
			ratio, std = ratio-(ratio-2)*lost, std*(1-0.97*lost)
			spread *= 1 - 0.985*lost
			knn -= 0.1 * lost
		case onAPlane:
			rank, ratio = rank-(rank-5)*lost, ratio-(ratio-1.4)*lost
			knn -= 0.06 * lost
		case notAtAll:
			knn = 0.62
		}
		wiggle := 1 + 0.03*r.NormFloat64()
		z := e
		z.Event, z.Probe, z.Of, z.Dims, z.Rows = run.Eval, "synthetic:2000", run.OfEmbedding, dims, 400
		z.Metrics = map[string]run.Number{
			run.MeanCosine: run.Num(min(0.999, cosine*wiggle)), run.EffectiveRank: run.Num(max(1, rank*wiggle)),
			run.ParticipationRatio: run.Num(max(1, ratio*wiggle)), run.Std: run.Num(std), run.StdRaw: run.Num(std),
			run.TopShare: run.Num(1 / ratio), run.CorrelationOff: run.Num(min(1, 2/ratio)), run.RankMe: run.Num(rank),
			run.LiDAR: run.Num(0.7 * rank), run.KNN: run.Num(knn - 0.03), run.Alignment: run.Num(1.2 - 0.8*learnt),
			run.Uniformity: run.Num(-3.4 * std),
		}
		for k := range dims {
			v := 90 * math.Pow(float64(k+1), -0.7) * std
			if f == onAPlane && k > 3 {
				v *= math.Pow(10, -3*lost)
			}
			z.Spectrum = append(z.Spectrum, v*(1+0.05*r.Float64()))
		}
		for i := range images {
			label := i % classes
			x, y := centres[label][0]+0.12*noise[i][0], centres[label][1]+0.12*noise[i][1]
			at := [2]float64{x * spread, y * spread}
			if f == onAPlane {
				at[1] *= 1 - lost
				at[0] += math.Copysign(0.4*lost, at[0])
			}
			z.Points, z.Labels = append(z.Points, at), append(z.Labels, label)
		}
		h := z
		h.Of, h.Dims = run.OfBackbone, 64
		h.Set(run.KNN, run.Num(knn))
		h.Set(run.EffectiveRank, run.Num(rank*0.8))
		events = append(events, h, z)
	}
	return append(events, run.Event{Event: run.End, Step: steps, Reason: run.Finished})
}

// trace returns the trace of a run with this fate.
func fabricatedTrace(f fate, seed, steps int) *lab.Trace {
	var b history.Builder
	t := &lab.Trace{Events: fabricated(f, seed, steps)}
	for _, e := range t.Events {
		b.Add(e)
	}
	t.Run = b.Run
	return t
}

// fabricatedSamples returns samples of an experiment whose arms have these fates.
func fabricatedSamples(e lab.Experiment, seeds int, fates ...fate) []lab.Sample {
	var all []lab.Sample
	for seed := 1; seed <= seeds; seed++ {
		s := lab.Sample{Seed: seed, Traces: map[string]*lab.Trace{}}
		for i, a := range e.Arms {
			s.Traces[a.Name] = fabricatedTrace(fates[i%len(fates)], seed, 200)
		}
		all = append(all, s)
	}
	return all
}

// writeRuns writes the runs of a plan's experiments to dir. Arms without a given fate are like controls.
func writeRuns(t *testing.T, dir string, p lab.Plan, fates map[string]fate) {
	t.Helper()
	experiments, err := p.Choose(claims.All)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, j := range p.Jobs(experiments) {
		at := filepath.Join(dir, j.Dir())
		if err := os.MkdirAll(at, 0o777); err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf("format: 1\nseed: %d\nmethod:\n  name: %s\ndata:\n  images: 2000\n  size: 32\n"+
			"backbone:\n  name: resnet8\n  width: 16\ntrain:\n  batch: 256\n", j.Seed, j.Arm.Method)
		var lines strings.Builder
		for _, e := range fabricated(fates[j.Arm.Name], j.Seed, p.Steps) {
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(text, '\n'))
		}
		for name, text := range map[string]string{run.ConfigFile: config, run.MetricsFile: lines.String()} {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// fabricatedPage returns a report of n invented experiments with two to four arms. Every verdict occurs.
func fabricatedPage(n, seeds int) *page {
	methods := []string{"simsiam", "byol", "vicreg", "mocov2", "swav", "dino", "simclr", "barlowtwins", "wmse"}
	ids := []string{"SIM-01", "SIM-02", "BYO-01", "BYO-02", "VIC-04", "BAR-01", "SIM-07", "BYG-01", "CLR-02", "SIM-06",
		"MOC-01"}
	switches := [][]string{{"method.stop_gradient=false"}, {"method.predictor_mode=none"}, {"method.target_momentum=0"},
		{"method.covariance=0"},
		{"method.negatives=false"}, {"method.sinkhorn=false"}, {"method.temperature=1"}, {"train.batch=64"},
		{"method.projector.widths=[]"}, {"optim.base_rate=0.6", "optim.warmup_steps=0"}, {"method.projector.norm=none"},
		{"method.whitening=false"}}
	var all []lab.Experiment
	outcomes := map[string][]fate{}
	for i := range n {
		id := fmt.Sprintf("TST-%02d", i)
		if i < len(ids) {
			id = ids[i]
		}
		e := lab.Experiment{
			ID: id, Method: methods[i%len(methods)],
			Question: "What happens to the embeddings without the part of the method that is in question here?",
			Claim: "Without it the outputs become constant: the loss reaches its minimum of -1 and the standard " +
				"deviation goes to 0.",
			Source:   "Chen & He 2021, arXiv:2011.10566, figure 2",
			Reported: "linear accuracy 67.7 with it and 0.1 without; std near 1/√d, and 0",
			Scale:    "The collapse takes some hundred steps.",
			Shows:    []lab.Metric{lab.MeanCosine, lab.EffectiveRank, lab.Loss},
		}
		if i%3 == 1 {
			e.Shows = []lab.Metric{lab.KNN, lab.Participation, lab.Std}
		}
		arms := 2 + i%3
		if i == 4 { // as much as an experiment can show
			arms, e.Shows = 8, []lab.Metric{
				lab.Perplexity, lab.Information, "terms.mean_entropy_of_outputs", lab.MeanCosine, lab.KNN, lab.Loss,
			}
		}
		for a := range arms {
			arm := lab.Arm{Name: []string{"as published", "without it", "with half of it and a longer name",
				"with a fixed random one", "no normalisation in the heads",
				"slices of 72 rows, four partitions", "the student itself as teacher", "unbreakablylongnameofanarm"}[a],
				Method: e.Method}
			if a > 0 {
				arm.Set = switches[(i+a-1)%len(switches)]
			}
			e.Arms = append(e.Arms, arm)
		}
		e.Expect = []lab.Expectation{expect.Collapses("without it"),
			expect.More(lab.MeanCosine, "without it", "as published", 0)}
		e.Effect = &lab.Effect{Metric: lab.Loss, Arm: "as published", Of: "without it"}
		if i%11 == 10 {
			e.Untestable = "it needs a network of a size that is not trained here"
		}
		second := []fate{onePoint, onAPlane, onePoint, well, notAtAll, runsToInf}[i%6]
		outcomes[e.ID] = []fate{well, second, onAPlane, well}
		all = append(all, e)
	}
	p := lab.Plan{Data: "cifar10.tar.gz", Seeds: seeds, Steps: 200}
	for _, e := range all {
		p.Experiments = append(p.Experiments, e.ID)
	}
	facts := []word{{"Data", "cifar10.tar.gz: 50000 images, 32×32 pixels"},
		{"Network", "resnet8, width 16; batches of 256"}}
	return newPage(titles, p, facts, all, func(e lab.Experiment, long bool) []lab.Sample {
		if e.Untestable != "" || long && outcomes[e.ID][1] != well {
			return nil
		}
		return fabricatedSamples(e, seeds, outcomes[e.ID]...)
	})
}

// titles are the methods that there are.
var titles = func() (all Methods) {
	for _, e := range method.All {
		all = append(all, Method{e.Name, e.Title})
	}
	return all
}()
