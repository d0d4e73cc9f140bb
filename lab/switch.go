// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"slices"
	"strings"
)

// Switches are the things that keep embeddings apart, or are said to, in the order of the atlas's columns. The arms of
// an experiment differ in one of them.
var Switches = []string{
	"stop-gradient", "predictor", "momentum target", "negatives", "batch norm", "whitening", "variance and covariance",
	"balanced clusters", "temperature", "positives", "views", "augmentation", "batch size", "head", "loss", "optimiser",
	"network", "other",
}

// switchOf maps settings to switches by a prefix of the key. The first prefix that matches counts. Most settings here
// prevent nothing, so the list is no part of method.Entry.Prevents. A test compares them.
var switchOf = []struct{ prefix, is string }{
	{"method.stop_gradient", "stop-gradient"},
	{"variant.asymmetric.stop_gradient", "stop-gradient"},
	{"variant.asymmetric.predictor", "predictor"},
	{"variant.predictor_form", "predictor"},
	{"variant.variance", "variance and covariance"},
	{"variant.covariance", "variance and covariance"},
	{"method.predictor.norm", "batch norm"},
	{"method.predictor.batch_norm", "batch norm"},
	{"method.predictor.output_norm", "batch norm"},
	{"method.projector.norm", "batch norm"},
	{"method.projector.batch_norm", "batch norm"},
	{"method.projector.output_norm", "batch norm"},
	{"method.head_norm", "batch norm"},
	{"backbone.norm", "batch norm"},
	{"method.groups", "batch norm"},
	{"method.shuffle_groups", "batch norm"},
	{"method.predictor", "predictor"},
	{"method.target_", "momentum target"},
	{"method.final_target_momentum", "momentum target"},
	{"method.negatives", "negatives"},
	{"method.queue", "negatives"},
	{"method.whitening", "whitening"},
	{"method.slice", "whitening"},
	{"method.iterations", "whitening"},
	{"method.iter_norm", "whitening"},
	{"method.variance", "variance and covariance"},
	{"method.covariance", "variance and covariance"},
	{"method.rho", "variance and covariance"}, // of TiCo's covariance contrast
	{"method.invariance", "variance and covariance"},
	{"method.on_diagonal", "variance and covariance"},
	{"method.lambda", "variance and covariance"},
	{"method.gamma", "variance and covariance"},
	{"method.sinkhorn", "balanced clusters"},
	{"method.codes", "balanced clusters"},
	{"method.centring", "balanced clusters"},
	{"method.centre_momentum", "balanced clusters"},
	{"method.sharpen", "balanced clusters"},
	{"method.entropy_weight", "balanced clusters"},
	{"method.me_max", "balanced clusters"},
	{"method.balance", "balanced clusters"},
	{"method.prototypes", "balanced clusters"},
	{"method.temperature", "temperature"},
	{"method.teacher_temperature", "temperature"},
	{"method.student_temperature", "temperature"},
	{"method.neighbour", "positives"},
	{"method.support", "positives"},
	{"method.view_count", "views"},
	{"method.symmetric", "views"},
	{"method.small_crops", "views"},
	{"method.large_crops", "views"},
	{"method.weak", "augmentation"},
	{"augment.", "augmentation"},
	{"train.batch", "batch size"},
	{"method.projector", "head"},
	{"method.similarity", "loss"},
	{"optim.", "optimiser"},
	{"backbone.", "network"},
}

// Turns returns the switch in which the arms differ: Experiment.Switch, or else the switch of the first setting of an
// arm that the control lacks. Methods that are compared without settings differ in "other".
func (e Experiment) Turns() string {
	if e.Switch != "" {
		return e.Switch
	}
	for _, a := range e.Arms {
		for _, set := range a.Set {
			if slices.Contains(e.Arms[0].Set, set) {
				continue
			}
			for _, s := range switchOf {
				if strings.HasPrefix(set, s.prefix) {
					return s.is
				}
			}
		}
	}
	return "other"
}
