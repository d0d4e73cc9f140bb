// SPDX-License-Identifier: Apache-2.0

package collapse_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
)

// arm is the end of one run of the calibration from which the thresholds come (see Thresholds): one configuration and
// one seed.
type arm struct {
	name                                  string
	seed                                  int
	cosine, std, rank, participation, knn float64 // knn is 0 if it was not kept
	dims                                  int
	reference                             string // the healthy arm of the same seed
	want                                  collapse.Class
	loss, constant                        collapse.Number
	minimum, noNorm                       bool // a constant embedding minimises the loss; the head has no batch norm
	clusters                              collapse.Class
	of                                    int
	perplexity, information, individual   float64
}

// Of the untrained networks, by seed: the mean cosine with and without batch norm in the head, and the kNN accuracy.
var (
	firstCosine       = []float64{0.31, 0.26, 0.19}
	firstCosineNoNorm = []float64{0.96, 0.93, 0.92}
	firstKNN          = []float64{0.655, 0.607, 0.652}
)

const (
	healthy = collapse.Healthy
	full    = collapse.Complete
	few     = collapse.Dimensional
	nothing = collapse.Uninformative
	unmoved = collapse.NotExpanded
	stuck   = collapse.NotConverged
)

func known(v float64) collapse.Number { return collapse.Num(v) }

// arms are the rows of the calibration. SimCLR at temperature 0.05 has no reference, because it is no ablation.
var arms = []arm{
	{name: "simsiam", cosine: 0.050, std: 0.97, rank: 33.9, participation: 3.1, knn: 0.749, dims: 128, want: healthy,
		loss: known(-0.83), constant: known(-1), minimum: true},
	{name: "simsiam", seed: 1, cosine: 0.068, std: 0.96, rank: 41.4, participation: 3.1, knn: 0.726, dims: 128,
		want: healthy},
	{name: "simsiam", seed: 2, cosine: 0.060, std: 0.94, rank: 44.5, participation: 4.0, knn: 0.729, dims: 128,
		want: healthy},
	{name: "simsiam-nosg", cosine: 0.859, std: 0.37, rank: 4.5, participation: 1.6, knn: 0.652, dims: 128,
		reference: "simsiam", want: few},
	{name: "simsiam-nosg", seed: 1, cosine: 0.152, std: 0.89, rank: 6.2, participation: 1.4, knn: 0.725, dims: 128,
		reference: "simsiam", want: few},
	{name: "simsiam-nosg", seed: 2, cosine: 0.994, std: 0.08, rank: 22.9, participation: 9.0, knn: 0.652, dims: 128,
		reference: "simsiam", want: full},
	{name: "simsiam-nopred", cosine: 0.079, std: 0.93, rank: 6.8, participation: 1.7, knn: 0.741, dims: 128,
		reference: "simsiam", want: few},
	{name: "simsiam-nopred", seed: 1, cosine: 0.068, std: 0.96, rank: 7.0, participation: 1.1, knn: 0.731, dims: 128,
		reference: "simsiam", want: few},
	{name: "simsiam-nopred", seed: 2, cosine: 0.100, std: 0.92, rank: 6.1, participation: 1.6, knn: 0.736, dims: 128,
		reference: "simsiam", want: few},
	{name: "simsiam-fixpred", cosine: 0.042, std: 0.97, rank: 42.9, participation: 3.3, knn: 0.731, dims: 128,
		reference: "simsiam", want: stuck, loss: known(-0.18), constant: known(-1), minimum: true},
	{name: "simsiam-nobn-heads", cosine: 0.998, std: 0.04, rank: 40.5, participation: 7.8, knn: 0.631, dims: 128,
		reference: "simsiam", want: unmoved, noNorm: true, loss: known(-0.999), constant: known(-1), minimum: true},
	{name: "simsiam-nobn-nosg", cosine: 1.000, std: 0.01, rank: 21.4, participation: 10.9, knn: 0.677, dims: 128,
		reference: "simsiam", want: unmoved, noNorm: true},
	{name: "simsiam-asym", cosine: 0.046, std: 0.97, rank: 37.4, participation: 3.0, knn: 0.749, dims: 128,
		want: healthy},
	{name: "simsiam-ce", cosine: 0.108, std: 0.92, rank: 45.6, participation: 3.9, knn: 0.699, dims: 128,
		reference: "simsiam", want: healthy},
	{name: "simsiam-asym-nopred", cosine: 0.154, std: 0.88, rank: 6.3, participation: 1.9, knn: 0.749, dims: 128,
		reference: "simsiam-asym", want: few},
	{name: "byol", cosine: 0.239, std: 0.81, rank: 43.8, participation: 2.9, knn: 0.720, dims: 128, want: healthy},
	{name: "byol", seed: 1, cosine: 0.230, std: 0.82, rank: 48.3, participation: 2.9, knn: 0.698, dims: 128,
		want: healthy},
	{name: "byol", seed: 2, cosine: 0.191, std: 0.84, rank: 46.1, participation: 3.0, knn: 0.706, dims: 128,
		want: healthy},
	{name: "byol-tau0", cosine: 0.187, std: 0.82, rank: 35.2, participation: 2.5, knn: 0.740, dims: 128,
		reference: "byol", want: healthy},
	{name: "byol-tau1", cosine: 0.419, std: 0.72, rank: 57.9, participation: 4.1, knn: 0.709, dims: 128,
		reference: "byol", want: healthy},
	{name: "byol-nopred", cosine: 0.970, std: 0.16, rank: 34.5, participation: 2.0, knn: 0.718, dims: 128,
		reference: "byol", want: full},
	{name: "byol-nopred", seed: 1, cosine: 0.971, std: 0.16, rank: 34.7, participation: 2.0, knn: 0.665, dims: 128,
		reference: "byol", want: full},
	{name: "byol-nopred", seed: 2, cosine: 0.978, std: 0.14, rank: 33.2, participation: 2.4, knn: 0.700, dims: 128,
		reference: "byol", want: full},
	{name: "byol-nobn", cosine: 0.999, std: 0.03, rank: 46.5, participation: 14.0, knn: 0.678, dims: 128,
		reference: "byol", want: unmoved, noNorm: true},
	{name: "byol-nopred-tau0", cosine: 0.994, std: 0.07, rank: 34.4, participation: 12.0, knn: 0.695, dims: 128,
		reference: "byol", want: full},
	{name: "simclr", cosine: 0.011, std: 0.98, rank: 44.0, participation: 13.0, knn: 0.786, dims: 128, want: healthy},
	{name: "simclr", seed: 1, cosine: 0.011, std: 0.97, rank: 41.5, participation: 10.8, knn: 0.780, dims: 128,
		want: healthy},
	{name: "simclr", seed: 2, cosine: 0.009, std: 0.97, rank: 41.4, participation: 11.2, knn: 0.793, dims: 128,
		want: healthy},
	{name: "simclr-noneg", cosine: 0.996, std: 0.06, rank: 21.9, participation: 5.3, knn: 0.700, dims: 128,
		reference: "simclr", want: full},
	{name: "simclr-noneg", seed: 1, cosine: 0.999, std: 0.04, rank: 12.8, participation: 18.3, knn: 0.638, dims: 128,
		reference: "simclr", want: full},
	{name: "simclr-noneg", seed: 2, cosine: 0.998, std: 0.05, rank: 14.7, participation: 11.9, knn: 0.612, dims: 128,
		reference: "simclr", want: full},
	{name: "simclr-T.05", cosine: 0.540, std: 0.63, rank: 11.8, participation: 3.0, knn: 0.761, dims: 128,
		want: healthy},
	{name: "simclr-bs64", cosine: 0.014, std: 0.96, rank: 28.3, participation: 7.7, knn: 0.785, dims: 128,
		reference: "simclr", want: healthy},
	{name: "moco", cosine: 0.014, std: 0.96, rank: 30.5, participation: 5.7, knn: 0.769, dims: 128, want: healthy},
	{name: "moco", seed: 1, cosine: 0.017, std: 0.95, rank: 30.9, participation: 5.9, knn: 0.782, dims: 128,
		want: healthy},
	{name: "moco", seed: 2, cosine: 0.025, std: 0.95, rank: 29.5, participation: 5.0, knn: 0.756, dims: 128,
		want: healthy},
	{name: "moco-m0", cosine: 0.997, std: 0.05, rank: 4.7, participation: 1.0, knn: 0.675, dims: 128, reference: "moco",
		want: full, loss: known(7.61), constant: known(math.Log(2049))},
	{name: "moco-m0", seed: 1, cosine: 0.998, std: 0.03, rank: 2.7, participation: 1.0, knn: 0.705, dims: 128,
		reference: "moco", want: full},
	{name: "moco-m.9", cosine: 0.373, std: 0.67, rank: 2.6, participation: 1.2, knn: 0.740, dims: 128,
		reference: "moco", want: few},
	{name: "vicreg", cosine: 0.184, std: 0.90, rank: 46.8, participation: 10.6, knn: 0.790, dims: 256, want: healthy},
	{name: "vicreg", seed: 1, cosine: 0.254, std: 0.86, rank: 45.6, participation: 9.9, knn: 0.768, dims: 256,
		want: healthy},
	{name: "vicreg-novar", cosine: 0.937, std: 0.25, rank: 145.2, participation: 27.3, knn: 0.675, dims: 256,
		reference: "vicreg", want: full, loss: known(0.008), constant: known(0), minimum: true},
	{name: "vicreg-novar", seed: 1, cosine: 0.957, std: 0.20, rank: 141.0, participation: 25.5, knn: 0.640, dims: 256,
		reference: "vicreg", want: full},
	{name: "vicreg-nocov", cosine: 0.071, std: 0.96, rank: 4.6, participation: 1.0, knn: 0.753, dims: 256,
		reference: "vicreg", want: few},
	{name: "vicreg-nocov", seed: 1, cosine: 0.073, std: 0.96, rank: 5.7, participation: 1.0, knn: 0.734, dims: 256,
		reference: "vicreg", want: few},
	{name: "vicreg-noinv", cosine: 0.381, std: 0.79, rank: 146.1, participation: 54.0, knn: 0.633, dims: 256,
		reference: "vicreg", want: nothing},
	{name: "vicreg-111", cosine: 0.430, std: 0.75, rank: 162.0, participation: 36.9, knn: 0.755, dims: 256,
		reference: "vicreg", want: healthy},
	{name: "barlow", cosine: 0.329, std: 0.81, rank: 45.0, participation: 7.7, knn: 0.745, dims: 256, want: healthy},
	{name: "barlow", seed: 1, cosine: 0.349, std: 0.80, rank: 48.5, participation: 7.4, knn: 0.739, dims: 256,
		want: healthy},
	{name: "barlow-on", cosine: 0.080, std: 0.95, rank: 10.1, participation: 1.2, knn: 0.718, dims: 256,
		reference: "barlow", want: few},
	{name: "barlow-on", seed: 1, cosine: 0.092, std: 0.95, rank: 9.6, participation: 1.1, knn: 0.686, dims: 256,
		reference: "barlow", want: few},
	{name: "barlow-off", cosine: 0.466, std: 0.72, rank: 98.8, participation: 6.7, knn: 0.655, dims: 256,
		reference: "barlow", want: nothing},
	{name: "wmse", cosine: 0.390, std: 0.74, rank: 29.1, participation: 4.5, knn: 0.750, want: healthy},
	{name: "wmse", seed: 1, cosine: 0.361, std: 0.76, rank: 29.8, participation: 4.3, knn: 0.747, want: healthy},
	{name: "wmse-nowhite", cosine: 0.998, std: 0.04, rank: 8.0, participation: 22.4, knn: 0.651, reference: "wmse",
		want: full},
	{name: "wmse-nowhite", seed: 1, cosine: 0.999, std: 0.03, rank: 10.8, participation: 20.1, knn: 0.599,
		reference: "wmse", want: full},
	{name: "swav", cosine: 0.420, std: 0.69, rank: 10.0, participation: 1.9, knn: 0.761, want: healthy,
		clusters: healthy, of: 64, perplexity: 63.1, information: 0.89},
	{name: "swav", seed: 1, cosine: 0.495, std: 0.60, rank: 8.8, participation: 1.3, knn: 0.706, want: healthy,
		clusters: healthy, of: 64, perplexity: 63.5, information: 0.63},
	{name: "swav-nosk", cosine: 0.996, std: 0.06, rank: 6.8, participation: 2.5, knn: 0.684, reference: "swav",
		want: full, clusters: collapse.OneCluster, of: 64, perplexity: 1.0},
	{name: "swav-nosk", seed: 1, cosine: 0.995, std: 0.07, rank: 10.3, participation: 2.2, knn: 0.665,
		reference: "swav", want: full, clusters: collapse.OneCluster, of: 64, perplexity: 1.0},
	{name: "dino", cosine: 0.557, std: 0.60, rank: 9.9, participation: 1.8, knn: 0.745, noNorm: true, want: healthy,
		clusters: healthy, of: 256, perplexity: 173.8, information: 0.49, individual: 4.18},
	{name: "dino", seed: 1, cosine: 0.704, std: 0.48, rank: 11.3, participation: 1.8, knn: 0.703, noNorm: true,
		want: healthy, clusters: healthy, of: 256, perplexity: 223.8, information: 0.30, individual: 4.81},
	{name: "dino-nocenter", cosine: 0.968, std: 0.16, rank: 17.4, participation: 1.3, knn: 0.740, noNorm: true,
		reference: "dino", want: unmoved, clusters: collapse.FewClusters, of: 256, perplexity: 2.0, information: 0.11,
		individual: 0.42},
	{name: "dino-nocenter", seed: 1, cosine: 0.950, std: 0.21, rank: 21.0, participation: 1.7, knn: 0.701, noNorm: true,
		reference: "dino", want: unmoved, clusters: collapse.FewClusters, of: 256, perplexity: 2.4, information: 0.23,
		individual: 0.35},
	{name: "dino-nosharp", cosine: 0.998, std: 0.05, rank: 25.1, participation: 2.2, knn: 0.717, noNorm: true,
		reference: "dino", want: unmoved, clusters: collapse.Uniform, of: 256, perplexity: 255.9, individual: 5.54},
	{name: "dino-nosharp", seed: 1, cosine: 0.998, std: 0.04, rank: 27.0, participation: 2.5, knn: 0.691, noNorm: true,
		reference: "dino", want: unmoved, clusters: collapse.Uniform, of: 256, perplexity: 255.9, individual: 5.54},
	{name: "dino-noboth", cosine: 0.998, std: 0.04, rank: 26.1, participation: 2.5, knn: 0.713, noNorm: true,
		reference: "dino", want: unmoved, clusters: collapse.Uniform, of: 256, perplexity: 207.2, individual: 5.33},
	{name: "dino-tau0", cosine: 0.969, std: 0.14, rank: 2.1, participation: 1.1, knn: 0.639, noNorm: true,
		reference: "dino", want: unmoved, clusters: collapse.Uniform, of: 256, perplexity: 223.1, information: 0.03,
		individual: 5.37},
	{name: "simsiam@1000", cosine: 0.057, std: 0.96, rank: 30.2, participation: 4.4, knn: 0.789, dims: 128,
		want: healthy},
	{name: "simsiam-nosg@1000", cosine: 0.989, std: 0.11, rank: 1.7, participation: 1.2, knn: 0.638, dims: 128,
		reference: "simsiam@1000", want: full},
	{name: "simsiam-nopred@1000", cosine: 0.485, std: 0.69, rank: 3.1, participation: 1.9, knn: 0.757, dims: 128,
		reference: "simsiam@1000", want: few},
	{name: "simsiam-fixpred@1000", cosine: 0.110, std: 0.91, rank: 17.5, participation: 2.7, knn: 0.751, dims: 128,
		reference: "simsiam@1000", want: healthy},
	{name: "byol@1000", cosine: 0.213, std: 0.84, rank: 36.0, participation: 3.5, knn: 0.770, dims: 128, want: healthy},
	{name: "byol-tau0@1000", cosine: 0.225, std: 0.81, rank: 28.5, participation: 2.8, knn: 0.763, dims: 128,
		reference: "byol@1000", want: healthy},
	{name: "byol-nopred@1000", cosine: 0.991, std: 0.08, rank: 18.4, participation: 1.6, knn: 0.687, dims: 128,
		reference: "byol@1000", want: full},
	{name: "simsiam-nobn-warm-lowlr@1000", cosine: 0.980, std: 0.14, rank: 66.7, participation: 8.8, knn: 0.658,
		dims: 128, reference: "simsiam@1000", want: unmoved, noNorm: true},
	{name: "simsiam-nobn-nosg-lowlr@1000", cosine: 0.999, std: 0.03, rank: 43.1, participation: 20.8, knn: 0.645,
		dims: 128, reference: "simsiam@1000", want: unmoved, noNorm: true},
}

// find returns an arm of the calibration.
func find(t *testing.T, name string, seed int) arm {
	t.Helper()
	for _, a := range arms {
		if a.name == name && a.seed == seed {
			return a
		}
	}
	t.Fatalf("no arm %s, seed %d", name, seed)
	return arm{}
}

// run is the arm as a run whose last evaluations all found its end.
func (a arm) run() collapse.Run {
	first := collapse.Reading{Loss: known(5), Embedding: &collapse.Metrics{Rows: 5000, Dims: a.dims,
		MeanCosine: firstCosine[a.seed], EffectiveRank: 91, ParticipationRatio: 30}, KNN: known(firstKNN[a.seed])}
	if a.dims == 256 {
		first.Embedding.EffectiveRank = 182 // not kept; the same part of the width as 91 is of 128
	}
	if a.noNorm {
		first.Embedding.MeanCosine, first.Embedding.EffectiveRank = firstCosineNoNorm[a.seed], 68
	}
	if a.minimum {
		first.Loss = known(a.constant.Value + 1)
	}
	run := collapse.Run{Steps: 200, Constant: collapse.ConstantLoss{Value: a.constant, Minimum: a.minimum},
		History: []collapse.Reading{first}}
	for _, step := range []int{100, 150, 200} {
		reading := collapse.Reading{Step: step, Loss: a.loss, KNN: known(a.knn), Embedding: &collapse.Metrics{
			Rows: 5000, Dims: a.dims, MeanCosine: a.cosine, Std: a.std, EffectiveRank: a.rank,
			ParticipationRatio: a.participation,
		}}
		if a.of > 0 {
			reading.Assignments = &collapse.Assignments{
				Rows: 5000, Clusters: a.of, Perplexity: a.perplexity, Marginal: math.Log(a.perplexity),
				Information: a.information,
				Individual:  max(a.individual, math.Log(a.perplexity)-a.information), TopShare: 1 / a.perplexity,
			}
			if a.individual > 0 {
				reading.Assignments.Individual = a.individual
			}
		}
		run.History = append(run.History, reading)
	}
	return run
}

// Every run of the calibration gets its class, with a reference and without, confirmed by its last three evaluations.
func TestTheCalibrationIsClassified(t *testing.T) {
	for _, a := range arms {
		var reference *collapse.Run
		if a.reference != "" {
			r := find(t, a.reference, a.seed).run()
			reference = &r
		}
		check := func(how string, d collapse.Diagnosis) {
			t.Helper()
			if d.Class != a.want || !d.Confirmed || d.Held != 3 || d.Step != 200 || len(d.Evidence) != 3 ||
				d.Meaning == "" {
				t.Errorf("%s, seed %d, %s: held %d, %+v", a.name, a.seed, how, d.Held, d)
			}
			switch {
			case a.clusters == "" && d.Clusters == nil:
			case a.clusters == "" || d.Clusters == nil:
				t.Errorf("%s, seed %d, %s: clusters %v", a.name, a.seed, how, d.Clusters)
			case d.Clusters.Class != a.clusters || !d.Clusters.Confirmed || len(d.Clusters.Evidence) != 3:
				t.Errorf("%s, seed %d, %s: clusters %+v", a.name, a.seed, how, *d.Clusters)
			}
			if healthyArm := a.want == healthy && (a.clusters == "" ||
				a.clusters == healthy); d.Worst().Class.Alarming() && healthyArm {
				t.Errorf("%s, seed %d, %s: an alarm for a healthy run: %v", a.name, a.seed, how, d.Worst())
			}
		}
		check("alone", collapse.Diagnose(a.run(), nil, collapse.Thresholds{}))
		if reference != nil {
			check("with a reference", collapse.Diagnose(a.run(), reference, collapse.DefaultThresholds()))
		}
	}
}
