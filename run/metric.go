// SPDX-License-Identifier: Apache-2.0

package run

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parallax-ssl/parallax/internal/filename"
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
	Support            = "support"        // accuracy of PAWS's soft vote of all labelled images, 0 to 1; for embeddings
	Std                = "std"            // of the l2-normalised rows, times sqrt(d): 1 is isotropic, 0 collapsed
	MeanCosine         = "mean_cosine"    // of pairs of rows
	EffectiveRank      = "effective_rank" // exp of the entropy of the centred matrix's singular values
	RankMe             = "rankme"         // the same of the uncentred matrix
	ParticipationRatio = "participation_ratio"
	TopShare           = "top_share"       // share of the variance in one direction; for assignments, of one cluster
	StdRaw             = "std_raw"         // of the rows without normalisation, the mean over dimensions
	CorrelationOff     = "correlation_off" // mean absolute correlation of two different dimensions
	Alignment          = "alignment"
	Uniformity         = "uniformity"

	// For assignments, which distribute the rows over the method's prototypes or outputs.
	Perplexity  = "perplexity"         // the effective number of clusters in use, 1 to Dims
	Information = "mutual_information" // of image and cluster, in nats; 0 for both kinds of collapse
	Individual  = "individual_entropy" // mean entropy of a row, in nats

	// For predictions, with probe.detail: how a predictor that is one square matrix W relates to F = E[zzᵀ] of its
	// inputs.
	Commutator   = "commutator"           // ‖FW - WF‖/(‖F‖‖W‖), 0 to √2: 0 when W and F share their eigenvectors
	EigenCosine  = "eigenvector_cosine"   // cosine of u and W u, mean over F's first ten eigenvectors u; 1: also W's
	SpectrumRank = "spectrum_correlation" // Spearman correlation of uᵀW u with the square roots of F's eigenvalues

	// With probe.detail. GradientRatio is for -cos(p, z'), with p predicted from the other view's z: the norm of the
	// gradient with respect to z', which a stop-gradient removes, over the norm of the gradient with respect to z.
	GradientRatio = "grad_ratio"
	LiDAR         = "lidar" // rank of the directions that separate images more than two views of one image
)

// order lists the keys of a line of metrics.jsonl in their order. Other metrics follow, sorted by name.
var order = []string{
	"event", "step", "epoch", "method", "steps", "constant_loss", "causes", "few_directions", "warm",
	Loss, "terms", "gradients", Rate, ImagesPerSecond, DataWait,
	"probe", "of", KNN, Linear, Support, Std, MeanCosine, EffectiveRank, RankMe, ParticipationRatio, TopShare, StdRaw,
	CorrelationOff, "dims", "rows", Alignment, Uniformity,
	Perplexity, Information, Individual, "used", Commutator, EigenCosine, SpectrumRank,
	"left_out", "overlap", "distinct", "spectrum", "points", "labels", GradientRatio, LiDAR,
	"file", "best", "name", "term", "reason", "message", "class", "evidence", "from", "rewinds",
}

// fixed is an Event without its metrics.
type fixed Event

// fixedKeys are the JSON keys of the fields of fixed.
var fixedKeys = func() (keys []string) {
	for field := range reflect.TypeFor[fixed]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
			keys = append(keys, name)
		}
	}
	return keys
}()

// Taken reports whether a key of an event's line already has a meaning. A metric of a program's own needs another name.
func Taken(key string) bool { return slices.Contains(order, key) }

// MarshalJSON writes the fields and the metrics as one object, with its keys in the order of a line of metrics.jsonl.
func (e Event) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(struct {
		*fixed
		Probe filename.Name `json:"probe,omitempty"` // a path, which need not be UTF-8
	}{(*fixed)(&e), filename.Name(e.Probe)})
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
			return nil, fmt.Errorf("a metric is called %q, like a field of every event: give it another name", name)
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

// UnmarshalJSON reads what MarshalJSON writes. A number under a key that no field has is a metric. Another value under
// such a key comes from a newer program and is ignored.
func (e *Event) UnmarshalJSON(text []byte) error {
	var f fixed
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	*e = Event(f)
	if strings.ContainsRune(f.Probe, utf8.RuneError) {
		var path struct{ Probe filename.Name }
		if err := json.Unmarshal(text, &path); err != nil {
			return err
		}
		e.Probe = string(path.Probe)
	}
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
