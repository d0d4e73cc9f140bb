// SPDX-License-Identifier: Apache-2.0

package run

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// The names of the numbers of a step.
const (
	Loss            = "loss"
	Rate            = "rate" // learning rate of this step
	ImagesPerSecond = "images_per_second"
	DataWait        = "data_wait" // share of the step spent waiting for data, 0 to 1
)

// The names of the numbers of an evaluation.
const (
	KNN                = "knn"            // accuracy, 0 to 1; absent without labels
	Linear             = "linear"         // accuracy, 0 to 1; absent without labels
	Support            = "support"        // accuracy of PAWS's own soft vote of all labelled images, 0 to 1; of embeddings
	Std                = "std"            // of the l2-normalised rows, times sqrt(d): 1 is isotropic, 0 collapsed
	MeanCosine         = "mean_cosine"    // of pairs of rows
	EffectiveRank      = "effective_rank" // exp of the entropy of the centred matrix's singular values
	RankMe             = "rankme"         // the same uncentred
	ParticipationRatio = "participation_ratio"
	TopShare           = "top_share"       // of the variance in one direction; of assignments, of the images in one cluster
	StdRaw             = "std_raw"         // of the rows as they are, the mean over dimensions
	CorrelationOff     = "correlation_off" // the mean absolute correlation of two dimensions
	Alignment          = "alignment"
	Uniformity         = "uniformity"

	// Of assignments, which distribute the rows over the method's prototypes or outputs.
	Perplexity  = "perplexity"         // how many are in use, as it were: 1 to Dims
	Information = "mutual_information" // of image and cluster, in nats; 0 when collapsed either way
	Individual  = "individual_entropy" // the mean entropy of a row, in nats

	// Of predictions, with probe.detail: how a predictor that is one square matrix W lies to F = E[zzᵀ] of its inputs.
	Commutator   = "commutator"           // ‖FW - WF‖/(‖F‖‖W‖), 0 to √2: 0 when they share their eigenvectors
	EigenCosine  = "eigenvector_cosine"   // of u and W u, the mean over the ten first eigenvectors u of F: 1 when they are W's
	SpectrumRank = "spectrum_correlation" // Spearman's, of uᵀW u with the square roots of F's eigenvalues

	// With probe.detail. GradientRatio is of -cos(p, z'), p predicted from the other view's z: the norm of the gradient by
	// z', which a stop-gradient takes away, over that by z.
	GradientRatio = "grad_ratio"
	LiDAR         = "lidar" // rank of the directions that tell images apart better than two views of an image do
)

// order lists the keys of a line of metrics.jsonl in their order. Metrics that are not here follow, by name.
var order = []string{
	"event", "step", "epoch", "method", "steps", "constant_loss", "causes", "few_directions", "warm",
	Loss, "terms", "gradients", Rate, ImagesPerSecond, DataWait,
	"probe", "of", KNN, Linear, Support, Std, MeanCosine, EffectiveRank, RankMe, ParticipationRatio, TopShare, StdRaw,
	CorrelationOff, "dims", "rows", Alignment, Uniformity,
	Perplexity, Information, Individual, "used", Commutator, EigenCosine, SpectrumRank,
	"spectrum", "points", "labels", GradientRatio, LiDAR,
	"file", "best", "name", "term", "reason", "message", "class", "evidence", "from", "rewinds",
}

// fixed is an Event without its metrics.
type fixed Event

// fixedKeys are the keys of its fields.
var fixedKeys = func() (keys []string) {
	for field := range reflect.TypeFor[fixed]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
			keys = append(keys, name)
		}
	}
	return keys
}()

// Taken reports whether a key of an event's line has a meaning already, so that a metric of a program's own must have
// another name.
func Taken(key string) bool { return slices.Contains(order, key) }

// MarshalJSON writes the fixed fields and the metrics as one object, in the order of a line of metrics.jsonl.
func (e Event) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(fixed(e))
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	var own []string
	for name, v := range e.Metrics {
		if !v.Known {
			continue
		}
		if slices.Contains(fixedKeys, name) {
			return nil, fmt.Errorf("a metric is called %q, as a field of every event: give it another name", name)
		}
		if values[name], err = json.Marshal(v); err != nil {
			return nil, err
		}
		if !slices.Contains(order, name) {
			own = append(own, name)
		}
	}
	slices.Sort(own)
	line := []byte{'{'}
	for _, key := range slices.Concat(order, own) {
		value, ok := values[key]
		if !ok {
			continue
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		if len(line) > 1 {
			line = append(line, ',')
		}
		line = append(append(append(line, name...), ':'), value...)
	}
	return append(line, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes. A number under a key that no field has is a metric. Anything else
// under such a key is of a newer program, and is left out.
func (e *Event) UnmarshalJSON(text []byte) error {
	var f fixed
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	*e = Event(f)
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	for key, value := range values {
		if slices.Contains(fixedKeys, key) {
			continue
		}
		var v Number
		err := json.Unmarshal(value, &v)
		switch {
		case err == nil:
			e.Set(key, v)
		case slices.Contains(order, key):
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}
