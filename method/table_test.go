// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// properties are what the table test may expect of a loss. The zero value is what most methods have; a word says why
// one of them is not so.
type properties struct {
	held       []int  // numbers of the inputs of Loss behind a stop-gradient
	stopped    string // part of the loss is behind a stop-gradient: its slope is not the gradient
	asymmetric string // exchanging the two views changes the loss
	scaled     string // the length of an embedding changes the loss
	turned     string // a rotation of all embeddings changes the loss
}

var declared = map[string]properties{
	"dclw":        {stopped: "its weights get no gradient"},
	"mocov3":      {held: []int{0, 1}},
	"lejepa":      {scaled: "the normal distribution has a scale", turned: "the directions are not turned with them"},
	"tico":        {held: []int{0}, asymmetric: "one direction"},
	"vibcreg":     {scaled: "variance", turned: "each feature has its own variance"},
	"wmse":        {scaled: "statistics of the batch", turned: "Cholesky's whitening knows the axes"},
	"vicreg":      {scaled: "variance", turned: "each feature has its own variance"},
	"byol":        {held: []int{0, 1}},
	"barlowtwins": {scaled: "statistics of the batch", turned: "each feature has its own variance"},
	"simsiam":     {held: []int{0, 1}},
	"nnbyol":      {held: []int{0, 1}, turned: "the queue is not turned with them"},
	"nnclr":       {held: []int{0, 1}, turned: "the queue is not turned with them"},
	"nnsiam":      {held: []int{0, 1}, turned: "the queue is not turned with them"},
	"ressl":       {held: []int{0}, asymmetric: "one direction", turned: "the queue is not turned with them"},
	"mocov1":      {held: []int{0}, asymmetric: "one direction", turned: "the queue is not turned with them"},
	"mocov2":      {held: []int{0}, asymmetric: "one direction", turned: "the queue is not turned with them"},
	"mocov2plus":  {held: []int{0, 1}, asymmetric: "a queue for each view", turned: "the queue is not turned with them"},
	"paws":        {held: []int{8, 9, 11}},
	"scan":        {asymmetric: "the entropy is that of the images, not of their neighbours", scaled: "softmax", turned: "softmax"},
	"swav":        {held: []int{0, 1}, turned: "prototypes stay"},

	"deepclusterv2": {turned: "prototypes stay"},
	"dino":          {held: []int{0, 1}, scaled: "softmax", turned: "softmax"},
}

// switches are settings of the methods that the table tests besides the ones that they come with.
var switches = map[string][]struct {
	name string
	set  func(parallax.Method)
	properties
}{
	"simclr": {
		{"temperature 0.5", func(m parallax.Method) { m.(*method.SimCLR).Temperature = 0.5 }, properties{}},
		{"no projector", func(m parallax.Method) { m.(*method.SimCLR).Projector = nn.MLP{} }, properties{}},
		{"no negatives", func(m parallax.Method) { m.(*method.SimCLR).Negatives = false }, properties{}},
		{"3 views", func(m parallax.Method) { m.(*method.SimCLR).ViewCount = 3 }, properties{}},
		{"4 views, no negatives", func(m parallax.Method) {
			m.(*method.SimCLR).ViewCount, m.(*method.SimCLR).Negatives = 4, false
		}, properties{}},
	},
	"supcon": {
		{"in", func(m parallax.Method) { m.(*method.SupCon).Form = "in" }, properties{}},
		{"base temperature", func(m parallax.Method) { m.(*method.SupCon).BaseTemperature = 0.07 }, properties{}},
		{"no negatives", func(m parallax.Method) { m.(*method.SupCon).Negatives = false }, properties{}},
		{"3 views", func(m parallax.Method) { m.(*method.SupCon).ViewCount = 3 }, properties{}},
	},
	"dcl": {
		{"one direction", func(m parallax.Method) { m.(*method.DCL).Symmetric = false }, properties{asymmetric: "one direction"}},
		{"4 views", func(m parallax.Method) { m.(*method.DCL).ViewCount = 4 }, properties{}},
		{"no negatives", func(m parallax.Method) { m.(*method.DCL).Negatives = false }, properties{}},
	},
	"dclw": {
		{"gradient of the weights", func(m parallax.Method) { m.(*method.DCL).WeightGradient = true }, properties{}},
	},
	"mocov3": {
		{"one direction", func(m parallax.Method) { m.(*method.MoCoV3).Symmetric = false },
			properties{held: []int{0}, asymmetric: "one direction"}},
		{"no negatives, no predictor", func(m parallax.Method) {
			m.(*method.MoCoV3).Negatives, m.(*method.MoCoV3).PredictorMode = false, "none"
		}, properties{held: []int{0, 1}}},
		{"fixed predictor", func(m parallax.Method) { m.(*method.MoCoV3).PredictorMode = "fixed" }, properties{held: []int{0, 1}}},
		{"3 views", func(m parallax.Method) { m.(*method.MoCoV3).ViewCount = 3 }, properties{held: []int{0, 1, 2}}},
	},
	"byol": {
		{"one direction", func(m parallax.Method) { m.(*method.BYOL).Symmetric = false },
			properties{held: []int{0, 1, 3}, asymmetric: "one direction"}},
		{"momentum 0", func(m parallax.Method) {
			m.(*method.BYOL).TargetMomentum, m.(*method.BYOL).FinalTargetMomentum = 0, 0
		}, properties{held: []int{0, 1}}},
		{"no predictor", func(m parallax.Method) { m.(*method.BYOL).PredictorMode = "none" }, properties{held: []int{0, 1}}},
		{"target trained by gradient", func(m parallax.Method) { m.(*method.BYOL).TargetMode = "gradient" }, properties{}},
		{"fixed target", func(m parallax.Method) { m.(*method.BYOL).TargetMode = "fixed" }, properties{held: []int{0, 1}}},
		{"group norm", func(m parallax.Method) { byolNorm(m, nn.GroupStatistics) }, properties{held: []int{0, 1}}},
		{"tuned start without norm", func(m parallax.Method) { byolNorm(m, nn.FirstStatistics) }, properties{held: []int{0, 1}}},
		{"3 views", func(m parallax.Method) { m.(*method.BYOL).ViewCount = 3 }, properties{held: []int{0, 1, 2}}},
	},
	"lejepa": {
		{"2 views, few directions, the authors' integral", func(m parallax.Method) {
			m.(*method.LeJEPA).LargeCrops, m.(*method.LeJEPA).Directions = 2, 8
			m.(*method.LeJEPA).Knots, m.(*method.LeJEPA).Domain = 33, 3
		}, declared["lejepa"]},
		{"2 global and 3 local views", func(m parallax.Method) {
			m.(*method.LeJEPA).LargeCrops, m.(*method.LeJEPA).SmallCrops, m.(*method.LeJEPA).SmallSize = 2, 3, 4
		}, declared["lejepa"]},
	},
	"tico": {
		{"symmetric", func(m parallax.Method) { m.(*method.TiCo).Symmetric = true }, properties{held: []int{0, 1}}},
		{"no gradient through the covariance", func(m parallax.Method) { m.(*method.TiCo).CovarianceGradient = false },
			properties{held: []int{0}, asymmetric: "one direction", stopped: "this batch's part of C gets no gradient"}},
		{"3 views", func(m parallax.Method) { m.(*method.TiCo).ViewCount = 3 },
			properties{held: []int{0, 1}, asymmetric: "the first view is the query"}},
		{"3 views, symmetric, no contrast, momentum 0", func(m parallax.Method) {
			m.(*method.TiCo).ViewCount, m.(*method.TiCo).Symmetric, m.(*method.TiCo).Rho = 3, true, 0
			m.(*method.TiCo).TargetMomentum, m.(*method.TiCo).FinalTargetMomentum = 0, 0
		}, properties{held: []int{0, 1, 2}}},
	},
	"vibcreg": {
		{"without normalisations, 3 views, hinge on the variance", func(m parallax.Method) {
			m.(*method.VIbCReg).Hinge = "variance"
			m.(*method.VIbCReg).NormalizedCovariance, m.(*method.VIbCReg).IterNorm, m.(*method.VIbCReg).ViewCount = false, false, 3
			// A 25th of VICReg's weights, for the table's rate.
			m.(*method.VIbCReg).Invariance, m.(*method.VIbCReg).Variance, m.(*method.VIbCReg).Covariance = 1, 1, 0.04
		}, properties{scaled: "variance", turned: "each feature has its own variance"}},
		{"one group", func(m parallax.Method) { m.(*method.VIbCReg).IterNormGroups = 1 },
			properties{scaled: "variance", turned: "each feature has its own variance"}},
	},
	"wmse": {
		{"4 views, 2 iterations, regularised", func(m parallax.Method) {
			m.(*method.WMSE).ViewCount, m.(*method.WMSE).Iterations, m.(*method.WMSE).Eps = 4, 2, 0.1
		}, properties{scaled: "statistics of the batch", turned: "Cholesky's whitening knows the axes"}},
		{"euclidean", func(m parallax.Method) { m.(*method.WMSE).Distance = "euclidean" },
			properties{scaled: "statistics of the batch", turned: "Cholesky's whitening knows the axes"}},
		{"not whitened", func(m parallax.Method) { m.(*method.WMSE).Whitening = false }, properties{}},
	},
	"barlowtwins": {
		{"algorithm 1", func(m parallax.Method) { m.(*method.BarlowTwins).Deviation = "unbiased" },
			properties{scaled: "statistics of the batch", turned: "each feature has its own variance"}},
		{"not centred", func(m parallax.Method) { m.(*method.BarlowTwins).Centring = false },
			properties{scaled: "statistics of the batch", turned: "each feature has its own variance"}},
		{"no redundancy term, 3 views", func(m parallax.Method) {
			m.(*method.BarlowTwins).Lambda, m.(*method.BarlowTwins).ViewCount = 0, 3
		}, properties{scaled: "statistics of the batch", turned: "each feature has its own variance"}},
	},
	"vicreg": {
		{"the paper's form", func(m parallax.Method) {
			m.(*method.VICReg).Form = "paper"
			weights(1, 1, 0.04)(m.(*method.VICReg)) // a 25th of the paper's, for the table's rate
		},
			properties{scaled: "variance", turned: "each feature has its own variance"}},
		{"hinge on the variance", func(m parallax.Method) { m.(*method.VICReg).Hinge = "variance" },
			properties{scaled: "variance", turned: "each feature has its own variance"}},
		{"no covariance term, 3 views", func(m parallax.Method) {
			m.(*method.VICReg).Covariance, m.(*method.VICReg).ViewCount = 0, 3
		}, properties{scaled: "variance", turned: "each feature has its own variance"}},
	},
	"scan": {
		{"one head, two clusters", func(m parallax.Method) { m.(*method.SCAN).Heads, m.(*method.SCAN).Classes = 1, 2 },
			properties{asymmetric: "the entropy is that of the images, not of their neighbours", scaled: "softmax", turned: "softmax"}},
		{"no entropy", func(m parallax.Method) { m.(*method.SCAN).EntropyWeight = 0 }, properties{scaled: "softmax", turned: "softmax"}},
	},
	"scan-selflabel": {
		{"all are sure", func(m parallax.Method) { m.(*method.SelfLabel).Threshold = 0 },
			properties{held: []int{0}, asymmetric: "one view labels the other", scaled: "softmax", turned: "softmax"}},
		{"not balanced", func(m parallax.Method) { m.(*method.SelfLabel).Threshold, m.(*method.SelfLabel).Balance = 0.1, false },
			properties{held: []int{0}, asymmetric: "one view labels the other", scaled: "softmax", turned: "softmax"}},
	},
	"paws": {
		{"no small crops", func(m parallax.Method) { m.(*method.PAWS).SmallCrops = 0 }, properties{held: []int{2, 3, 5}}},
		{"one direction", func(m parallax.Method) { m.(*method.PAWS).SmallCrops, m.(*method.PAWS).Symmetric = 0, false },
			properties{held: []int{1, 3}, asymmetric: "one direction"}},
		{"predictor, no small crops", func(m parallax.Method) {
			m.(*method.PAWS).PredictorMode, m.(*method.PAWS).SmallCrops = "trained", 0
		}, properties{held: []int{2, 3, 5}}},
		{"fixed predictor, small crops", func(m parallax.Method) {
			m.(*method.PAWS).PredictorMode, m.(*method.PAWS).SmallCrops = "fixed", 2
		}, properties{held: []int{4, 5, 7}}},
		{"not sharpened, no me-max", func(m parallax.Method) {
			m.(*method.PAWS).Sharpen, m.(*method.PAWS).MeMax, m.(*method.PAWS).SmallCrops = 1, 0, 1
		}, properties{held: []int{3, 4, 6}}},
	},
	"nnclr": {
		{"one direction", func(m parallax.Method) { m.(*method.NNCLR).Symmetric = false },
			properties{held: []int{0, 1, 3}, asymmetric: "one direction", turned: "the queue is not turned with them"}},
		{"no negatives, no predictor, 3 views", func(m parallax.Method) {
			m.(*method.NNCLR).Negatives, m.(*method.NNCLR).PredictorMode, m.(*method.NNCLR).ViewCount = false, "none", 3
		}, properties{held: []int{0, 1, 2}, turned: "the queue is not turned with them"}},
		{"no neighbours", func(m parallax.Method) { m.(*method.NNCLR).Neighbour = false }, properties{held: []int{0, 1}}},
	},
	"nnbyol": {
		{"no neighbours", func(m parallax.Method) { m.(*method.NNBYOL).Neighbour = false }, properties{held: []int{0, 1}}},
		{"one direction, all views enqueued", func(m parallax.Method) {
			m.(*method.NNBYOL).Symmetric, m.(*method.NNBYOL).EnqueueAll = false, true
		}, properties{held: []int{0, 1, 3}, asymmetric: "one direction", turned: "the queue is not turned with them"}},
	},
	"nnsiam": {
		{"no neighbours", func(m parallax.Method) { m.(*method.NNSiam).Neighbour = false }, properties{held: []int{0, 1}}},
		{"one direction, all views enqueued", func(m parallax.Method) {
			m.(*method.NNSiam).Symmetric, m.(*method.NNSiam).EnqueueAll = false, true
		}, properties{held: []int{0, 1, 3}, asymmetric: "one direction", turned: "the queue is not turned with them"}},
	},
	"ressl": {
		{"not sharpened", func(m parallax.Method) { m.(*method.ReSSL).TeacherTemperature = 0.1 },
			declared["ressl"]},
		{"4 views, the teacher's strong, too", func(m parallax.Method) { m.(*method.ReSSL).ViewCount, m.(*method.ReSSL).Weak = 4, false },
			properties{held: []int{0}, turned: "the queue is not turned with them"}},
	},
	"mocov2plus": {
		{"3 views", func(m parallax.Method) { m.(*method.MoCo).ViewCount = 3 },
			properties{held: []int{0, 1, 2}, asymmetric: "a queue for each view", turned: "the queue is not turned with them"}},
	},
	"mocov2": {
		{"4 views", func(m parallax.Method) { m.(*method.MoCo).ViewCount = 4 },
			properties{held: []int{0}, turned: "the queue is not turned with them"}},
		{"no negatives, momentum 0", func(m parallax.Method) {
			m.(*method.MoCo).Negatives, m.(*method.MoCo).TargetMomentum, m.(*method.MoCo).FinalTargetMomentum = false, 0, 0
		}, properties{held: []int{0}}},
		{"queue shorter than a batch", func(m parallax.Method) { m.(*method.MoCo).Queue = 3 }, declared["mocov2"]},
	},
	"dino": {
		{"no centring", func(m parallax.Method) { m.(*method.DINO).Centring = false }, declared["dino"]},
		{"batch norm in the head", func(m parallax.Method) { m.(*method.DINO).HeadNorm = true }, declared["dino"]},
		{"small crops", func(m parallax.Method) { m.(*method.DINO).SmallCrops, m.(*method.DINO).SmallSize = 2, 4 }, declared["dino"]},
	},
	"deepclusterv2": {
		{"small crops, one large", func(m parallax.Method) {
			m.(*method.DeepClusterV2).LargeCrops, m.(*method.DeepClusterV2).SmallCrops, m.(*method.DeepClusterV2).SmallSize = 1, 2, 4
		}, properties{turned: "prototypes stay", asymmetric: "crops of two sizes"}},
	},
	"swav": {
		{"hard codes", func(m parallax.Method) { m.(*method.SwAV).Codes = "hard" }, declared["swav"]},
		{"without Sinkhorn", func(m parallax.Method) { m.(*method.SwAV).Sinkhorn = false }, declared["swav"]},
		{"queue", func(m parallax.Method) { m.(*method.SwAV).Queue, m.(*method.SwAV).QueueFrom = 8, 0 }, declared["swav"]},
		{"small crops", func(m parallax.Method) { m.(*method.SwAV).SmallCrops, m.(*method.SwAV).SmallSize = 3, 4 }, declared["swav"]},
		{"one large crop", func(m parallax.Method) { m.(*method.SwAV).LargeCrops, m.(*method.SwAV).SmallCrops = 1, 2 },
			properties{held: []int{0, 1}, asymmetric: "only the large crop has a code", turned: "prototypes stay"}},
	},
	"simsiam": {
		{"one direction", func(m parallax.Method) { m.(*method.SimSiam).Symmetric = false },
			properties{held: []int{0, 1, 3}, asymmetric: "one direction"}},
		{"3 views", func(m parallax.Method) { m.(*method.SimSiam).ViewCount = 3 }, properties{held: []int{0, 1, 2}}},
		{"3 views, one direction", func(m parallax.Method) {
			m.(*method.SimSiam).ViewCount, m.(*method.SimSiam).Symmetric = 3, false
		}, properties{held: []int{0, 1, 2, 5}, asymmetric: "one direction"}},
		{"no stop-gradient", func(m parallax.Method) { m.(*method.SimSiam).StopGradient = false }, properties{}},
		{"no predictor", func(m parallax.Method) { m.(*method.SimSiam).PredictorMode = "none" }, properties{held: []int{0, 1}}},
		{"fixed predictor", func(m parallax.Method) { m.(*method.SimSiam).PredictorMode = "fixed" }, properties{held: []int{0, 1}}},
		{"targets of an older network", func(m parallax.Method) { m.(*method.SimSiam).TargetEvery = 10 }, properties{held: []int{0, 1}}},
		{"scheduled predictor", func(m parallax.Method) { m.(*method.SimSiam).PredictorRate = "scheduled" }, properties{held: []int{0, 1}}},
		{"cross-entropy", func(m parallax.Method) { m.(*method.SimSiam).Similarity = "cross_entropy" },
			properties{held: []int{0, 1}, scaled: "softmax", turned: "softmax"}},
	},
}

// variants are what an experiment may change around a method.
var variants = map[string][]varied{
	"byol": {
		{name: "linear predictor", vary: form("linear"), properties: properties{held: []int{0, 1}}},
		{name: "symmetric linear predictor", vary: form("symmetric"), properties: properties{held: []int{0, 1}}},
		{name: "symmetric predictor of two layers", vary: form("symmetric_mlp"), properties: properties{held: []int{0, 1}}},
		{name: "predictor that is set", vary: form("direct"), properties: properties{held: []int{0, 1}}},
		{name: "predictor that is set, isotropic, centred", vary: func(v *config.Variant) {
			v.PredictorForm, v.Direct.Isotropic, v.Direct.Centred = "direct", true, true
		}, properties: properties{held: []int{0, 1}}},
		{name: "a vector as predictor", vary: form("bias"), properties: properties{held: []int{0, 1}}},
	},
	"simsiam": {
		{name: "a vector as predictor", vary: form("bias"), properties: properties{held: []int{0, 1}}},
		{name: "predictor that is set", vary: form("direct"), properties: properties{held: []int{0, 1}}},
		{name: "VICReg's terms", vary: spread(1, 0.01), properties: properties{
			stopped: "the targets", scaled: "variance", turned: "each feature has its own variance"}},
		{name: "VICReg's terms, symmetric predictor", vary: func(v *config.Variant) { form("symmetric")(v); spread(1, 0.01)(v) },
			properties: properties{stopped: "the targets", scaled: "variance", turned: "each feature has its own variance"}},
	},
	"simclr": {
		{name: "untied", vary: untied, properties: properties{asymmetric: "a network for each view"}},
		{name: "stop-gradient and predictor", vary: asymmetric(true, "trained"),
			properties: properties{held: []int{0, 1, 3}, asymmetric: "one view is predicted"}},
	},
	"barlowtwins": {
		{name: "untied", vary: untied, properties: properties{
			asymmetric: "a network for each view", scaled: "statistics of the batch", turned: "each feature has its own variance"}},
		{name: "stop-gradient", vary: asymmetric(true, "none"), properties: properties{
			held: []int{0, 1, 3}, scaled: "statistics of the batch", turned: "each feature has its own variance"}},
		{name: "predictor", vary: asymmetric(false, "trained"), properties: properties{held: []int{0, 3},
			asymmetric: "one view is predicted", scaled: "statistics of the batch", turned: "each feature has its own variance"}},
		{name: "stop-gradient and predictor", vary: asymmetric(true, "trained"), properties: properties{held: []int{0, 1, 3},
			asymmetric: "one view is predicted", scaled: "statistics of the batch", turned: "each feature has its own variance"}},
		{name: "untied, fixed predictor", vary: func(v *config.Variant) { untied(v); asymmetric(false, "fixed")(v) },
			properties: properties{held: []int{0, 3},
				asymmetric: "one view is predicted", scaled: "statistics of the batch", turned: "each feature has its own variance"}},
	},
	"vicreg": {
		{name: "untied", vary: untied, set: func(m parallax.Method) { weights(1, 1, 0.04)(m.(*method.VICReg)) },
			properties: properties{asymmetric: "a network for each view", scaled: "variance", turned: "each feature has its own variance"}},
		{name: "stop-gradient and predictor", vary: asymmetric(true, "trained"),
			set: func(m parallax.Method) { weights(1, 1, 0.04)(m.(*method.VICReg)) }, properties: properties{held: []int{0, 1, 3},
				asymmetric: "one view is predicted", scaled: "variance", turned: "each feature has its own variance"}},
	},
}

// varied is a variant of a method.
type varied struct {
	name string
	vary func(*config.Variant)
	set  func(parallax.Method) // a switch of the method's own; nil for none
	properties
}

func untied(v *config.Variant) { v.Untied = true }

func asymmetric(stop bool, mode string) func(*config.Variant) {
	return func(v *config.Variant) { v.Asymmetric.StopGradient, v.Asymmetric.PredictorMode = stop, mode }
}

func form(name string) func(*config.Variant) {
	return func(v *config.Variant) { v.PredictorForm = name }
}

func spread(variance, covariance float64) func(*config.Variant) {
	return func(v *config.Variant) { v.Variance, v.Covariance = variance, covariance }
}

func byolNorm(m parallax.Method, n nn.Norm) {
	m.(*method.BYOL).Projector.Norm, m.(*method.BYOL).Predictor.Norm = n, n
}

// A method's new file needs no line here, unless it lacks one of the properties.
func TestMethods(t *testing.T) {
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			t.Run("entry", func(t *testing.T) { checkEntry(t, s) })
			t.Run("finite differences", func(t *testing.T) { checkFiniteDifferences(t, s) })
			t.Run("symmetry", func(t *testing.T) { checkSymmetry(t, s) })
			t.Run("order of the batch", func(t *testing.T) { checkOrder(t, s) })
			t.Run("labels", func(t *testing.T) { checkLabels(t, s) })
			t.Run("length of the embeddings", func(t *testing.T) { checkLength(t, s) })
			t.Run("rotation of the embeddings", func(t *testing.T) { checkRotation(t, s) })
			t.Run("purity", func(t *testing.T) { checkPurity(t, s) })
			t.Run("gradients reach the encoder", func(t *testing.T) { checkReach(t, s) })
			t.Run("learning", func(t *testing.T) { checkLearning(t, s) })
			t.Run("leaks", func(t *testing.T) { checkLeaks(t, s) })
		})
	}
}

// checkEntry holds what every method says of itself.
func checkEntry(t *testing.T, s subject) {
	for what, text := range map[string]string{"name": s.Name, "title": s.Title, "paper": s.Paper, "equation": s.Equation, "collapse": s.Collapse} {
		if text == "" {
			t.Errorf("the entry has no %s", what)
		}
	}
	same := 0
	for _, e := range slices.Concat(method.All, method.Later) {
		if e.Name == s.Name {
			same++
		}
	}
	if found, err := method.Find(s.Name); same != 1 || err != nil || found.Title != s.Title {
		t.Errorf("%d entries are called %q; Find says %q, %v", same, s.Name, found.Title, err)
	}
	if s.New() == s.New() {
		t.Error("New gives the same method twice")
	}
	for _, m := range []parallax.Method{s.New(), s.new()} {
		if v, ok := parallax.As[parallax.Validator](m); ok {
			if err := v.Validate(); err != nil {
				t.Errorf("its own hyperparameters are refused: %v", err)
			}
		}
	}
	recipes := s.New().Views(32)
	if len(recipes) < 2 {
		t.Errorf("%d views: none to compare", len(recipes))
	}
	for v, recipe := range recipes {
		if err := recipe.Validate(); err != nil {
			t.Errorf("view %d: %v", v, err)
		}
		img := augment.NewImage(45, 37)
		if got := recipe.View(img, augment.ViewRand(1, 0, 0, v)); got.W != got.H || got.W > 32 || v < 2 && got.W != 32 {
			t.Errorf("view %d is of %d x %d pixels, want 32 x 32; a square below that from the third on", v, got.W, got.H)
		}
	}
}

// checkFiniteDifferences compares the gradient of the loss with respect to each of its inputs with central differences.
// An input behind a stop-gradient gets none: the loss, as a function of it, is not what is minimised.
func checkFiniteDifferences(t *testing.T, s subject) {
	if s.stopped != "" {
		t.Skip(s.stopped)
	}
	const h, n = 1e-5, 7
	with(t, s.new(), torch.F64, n, func(b built) {
		step := b.step(1, n, 1)
		var z []torch.Tensor
		for _, v := range b.Forward(step) {
			z = append(z, v.Detach().Clone().RequireGrad(true))
		}
		b.Loss(step, slices.Clone(z)).Backward()
		loss := func(k int, values []float64) (v float64) {
			torch.NoGrad(func() {
				moved := slices.Clone(z)
				moved[k] = torch.FromFloat64(values, z[k].Shape()...)
				v = b.Loss(step, moved).Item()
			})
			return v
		}
		for k := range z {
			if slices.Contains(s.held, k) {
				if g := z[k].Grad(); g.Defined() && g.Abs().Max().Item() != 0 {
					t.Errorf("input %d is behind a stop-gradient and gets a gradient", k)
				}
				continue
			}
			if !z[k].Grad().Defined() {
				t.Errorf("input %d gets no gradient", k)
				continue
			}
			gradient, values := z[k].Grad().Float64s(), z[k].Float64s()
			for i, at := range values {
				values[i] = at + h
				above := loss(k, values)
				values[i] = at - h
				below := loss(k, values)
				values[i] = at
				if want := (above - below) / (2 * h); math.Abs(gradient[i]-want) > 1e-6*math.Abs(want)+1e-8 {
					t.Errorf("input %d, element %d: the gradient is %.10g and the slope %.10g", k, i, gradient[i], want)
				}
			}
		}
	})
}

// checkSymmetry exchanges the two views.
func checkSymmetry(t *testing.T, s subject) {
	if n := len(s.New().Views(pixels)); n != 2 {
		t.Skipf("it has %d views", n)
	}
	with(t, s.new(), torch.F64, 6, func(b built) {
		step := b.step(1, 6, 2)
		before := b.loss(step).Item()
		step.Views[0], step.Views[1] = step.Views[1], step.Views[0]
		after := b.loss(step).Item()
		if s.asymmetric == "" {
			near(t, "the loss with the views exchanged", after, before, 1e-12)
		} else if math.Abs(after-before) < 1e-9 {
			t.Errorf("said to be asymmetric (%s), and the loss stays %g", s.asymmetric, after)
		}
	})
}

// checkOrder gives the images of the batch in another order.
func checkOrder(t *testing.T, s subject) {
	const n = 6
	with(t, s.new(), torch.F64, n, func(b built) {
		step := b.step(1, n, 3)
		before := b.loss(step).Item()
		order := []int{4, 2, 0, 5, 1, 3}
		other := *step
		other.Views, other.Index, other.Labels = nil, nil, nil
		for _, v := range step.Views {
			other.Views = append(other.Views, v.IndexSelect(0, torch.FromInts(order, n)))
		}
		for _, i := range order {
			other.Index, other.Labels = append(other.Index, step.Index[i]), append(other.Labels, step.Labels[i])
		}
		near(t, "the loss with the images in another order", b.loss(&other).Item(), before, 1e-10)
	})
}

// trainsOnLabels are the methods for which Step.Labels may matter. The labels of a Supporter are those of its support.
var trainsOnLabels = map[string]bool{"supcon": true}

// checkLabels gives the images other labels: nothing that says it needs none may see them.
func checkLabels(t *testing.T, s subject) {
	const n = 6
	with(t, s.new(), torch.F64, n, func(b built) {
		step := b.step(1, n, 5)
		before := b.loss(step).Item()
		slices.Reverse(step.Labels)
		step.Labels[0] = 7
		after := b.loss(step).Item()
		switch uses := trainsOnLabels[s.Name]; {
		case !uses:
			near(t, "the loss with other labels", after, before, 1e-12)
		case math.Abs(after-before) < 1e-9:
			t.Errorf("said to train on labels, and with others the loss stays %g", after)
		}
	})
}

// checkTransformed transforms the embeddings; why tells that this does change the loss.
func checkTransformed(t *testing.T, s subject, why string, transform func(k int, z torch.Tensor) torch.Tensor) {
	with(t, s.new(), torch.F64, 6, func(b built) {
		step := b.step(1, 6, 4)
		z := b.Forward(step)
		before := b.Loss(step, slices.Clone(z)).Item()
		for k := range z {
			z[k] = transform(k, z[k].Detach())
		}
		after := b.Loss(step, z).Item()
		if why == "" {
			near(t, "the loss of the transformed embeddings", after, before, 1e-10)
		} else if math.Abs(after-before) < 1e-9 {
			t.Errorf("said to change the loss (%s), and it stays %g", why, after)
		}
	})
}

func checkLength(t *testing.T, s subject) {
	checkTransformed(t, s, s.scaled, func(k int, z torch.Tensor) torch.Tensor {
		factors := make([]float64, z.Size(0))
		for i := range factors {
			factors[i] = []float64{0.5, 3, 1, 20, 0.1, 2}[(i+k)%6]
		}
		return z.Mul(torch.FromFloat64(factors, len(factors), 1))
	})
}

func checkRotation(t *testing.T, s subject) {
	checkTransformed(t, s, s.turned, func(_ int, z torch.Tensor) torch.Tensor {
		return z.MatMul(torch.FromFloat64(orthogonal(z.Size(1)), z.Size(1), z.Size(1)))
	})
}

// orthogonal is a d x d orthogonal matrix, by Gram and Schmidt.
func orthogonal(d int) []float64 {
	r := rand.New(rand.NewPCG(5, uint64(d)))
	q := make([]float64, 0, d*d)
	for i := range d {
		row := make([]float64, d)
		for j := range row {
			row[j] = r.NormFloat64()
		}
		for k := range i {
			dot := 0.0
			for j := range row {
				dot += row[j] * q[k*d+j]
			}
			for j := range row {
				row[j] -= dot * q[k*d+j]
			}
		}
		length := 0.0
		for _, v := range row {
			length += v * v
		}
		for j := range row {
			row[j] /= math.Sqrt(length)
		}
		q = append(q, row...)
	}
	return q
}

// checkPurity: Loss has no effect on the networks or its arguments, and gives the same again.
func checkPurity(t *testing.T, s subject) {
	with(t, s.new(), torch.F64, 6, func(b built) {
		step := b.step(1, 6, 6)
		step.Gather = torch.Tensor.Clone // as with several processes, another tensor than was given
		z := b.Forward(step)
		given, state := slices.Clone(z), b.params.State()
		first, second := b.Loss(step, z).Item(), b.Loss(step, z).Item()
		if first != second {
			t.Errorf("the loss is %v, and then %v", first, second)
		}
		if !slices.Equal(given, z) {
			t.Error("Loss puts other tensors into the slice that it is given")
		}
		if what := differing(state, b.params.State()); what != "" {
			t.Errorf("Loss changed %s", what)
		}
	})
}

// differing names the first state in which a and b differ, "" for none.
func differing(a, b []nn.State) string {
	if len(a) != len(b) {
		return fmt.Sprintf("the number of tensors, from %d to %d", len(a), len(b))
	}
	for i := range a {
		if a[i].Name != b[i].Name || !bytes.Equal(a[i].Bytes, b[i].Bytes) {
			return b[i].Name
		}
	}
	return ""
}

// checkReach: one backward gives every parameter of the backbone that learns a gradient, and nothing to what is frozen.
// What is evaluated is that one, or its moving average.
func checkReach(t *testing.T, s subject) {
	with(t, s.new(), torch.F64, 6, func(b built) {
		b.loss(b.step(1, 6, 7)).Backward()
		learning := b.params.Sub("backbone").Trainable()
		if len(learning) != 3 {
			t.Errorf("the backbone has %d parameters to train, want its convolution and its batch norm's two", len(learning))
		}
		if at := b.encoder.Params.Prefix(); at != "backbone." && at != "target.backbone." {
			t.Errorf("what is evaluated is at %q", at)
		}
		for _, p := range learning {
			if g := p.Tensor.Grad(); !g.Defined() || g.Abs().Max().Item() == 0 {
				t.Errorf("%s gets no gradient", p.Name)
			}
		}
		for _, p := range b.params.All() {
			if !p.Tensor.RequiresGrad() && p.Tensor.Grad().Defined() {
				t.Errorf("%s is frozen and gets a gradient", p.Name)
			}
		}
	})
}

// train makes n steps with a rate of 0.05, all on the same views, and returns the losses.
func (b built) train(o *optim.Optimizer, n int, s *parallax.Step) []float64 {
	var losses []float64
	for at := range n {
		s.At = at
		if err := torch.Scope(func() error {
			b.clearGradients()
			loss := b.loss(s)
			losses = append(losses, loss.Item())
			loss.Backward()
			var groups []nn.Group
			if g, ok := parallax.As[parallax.Grouper](b.Method); ok {
				groups = g.Groups(s)
			}
			o.Step(0.05, 0.05, groups)
			if u, ok := parallax.As[parallax.Updater](b.Method); ok {
				u.Update(s)
			}
			return nil
		}); err != nil {
			torch.Fail("train", "step %d: %v", at, err)
		}
	}
	return losses
}

// checkLearning trains on 8 images. What a method remembers of other batches makes a loss larger or smaller whatever
// was learned, so both losses are with the memory as it began.
func checkLearning(t *testing.T, s subject) {
	with(t, s.new(), torch.F32, 8, func(b built) {
		o := optim.New(optim.SGD{Momentum: 0.9}, b.params.Trainable())
		defer o.Free()
		step, memory := b.step(0, 8, 8), b.memory()
		began := make([]nn.State, len(memory))
		for i, m := range memory {
			began[i] = nn.StateOf(m.Name, m.Tensor)
		}
		losses := b.train(o, steps, step)
		for i, m := range memory {
			began[i].Tensor().CopyInto(m.Tensor)
		}
		if len(losses) != steps {
			t.Errorf("%d steps were made: %v", len(losses), losses)
		} else if first, last := losses[0], b.loss(step).Item(); !(last < first-1e-3) {
			t.Errorf("the loss went from %g to %g in %d steps", first, last, steps)
		}
	})
}

// checkLeaks counts tensors around a step; with counts them around the whole.
func checkLeaks(t *testing.T, s subject) {
	with(t, s.new(), torch.F32, 8, func(b built) {
		o := optim.New(optim.SGD{Momentum: 0.9}, b.params.Trainable())
		defer o.Free()
		step := b.step(0, 8, 9)
		before := torch.Live()
		b.train(o, 2, step)
		if after := torch.Live(); after != before {
			t.Errorf("%d tensors before two steps, %d after", before, after)
		}
	})
}

func TestFindNamesTheNearest(t *testing.T) {
	for typed, want := range map[string]string{"simsam": "simsiam", "BYOL": "byol", "simclr2": "simclr"} {
		_, err := method.Find(typed)
		if want := fmt.Sprintf("did you mean %q?", want); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("Find(%q) says %v, want %q in it", typed, err, want)
		}
	}
}
