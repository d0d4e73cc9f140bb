// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// properties say what the table test may expect of a loss. The zero value fits most methods. A string says why a method
// differs.
type properties struct {
	held       []int  // the indices of the inputs of Loss that are behind a stop-gradient
	stopped    string // part of the loss is behind a stop-gradient, so the gradient is not its slope
	asymmetric string // exchanging the two views changes the loss
	scaled     string // the length of an embedding changes the loss
	turned     string // a rotation of all embeddings changes the loss
}

// Reasons that several methods share.
const (
	ofTheBatch  = "statistics of the batch"
	ownVariance = "each feature has its own variance"
	queueStays  = "the queue is not turned with them"
	constantC   = "this batch's part of C gets no gradient"
)

// declared are the properties of the methods with their own hyperparameters.
var declared = map[string]properties{
	"dclw":        {stopped: "its weights get no gradient"},
	"mocov3":      {held: []int{0, 1}},
	"lejepa":      {scaled: "the normal distribution has a scale", turned: "the directions are not turned with them"},
	"tico":        {held: []int{0}, stopped: constantC, asymmetric: "one direction"},
	"vibcreg":     {scaled: "variance", turned: ownVariance},
	"wmse":        {scaled: ofTheBatch, turned: "Cholesky's whitening knows the axes"},
	"vicreg":      {scaled: "variance", turned: ownVariance},
	"byol":        {held: []int{0, 1}},
	"barlowtwins": {scaled: ofTheBatch, turned: ownVariance},
	"simsiam":     {held: []int{0, 1}},
	"nnbyol":      {held: []int{0, 1}, turned: queueStays},
	"nnclr":       {held: []int{0, 1}, turned: queueStays},
	"nnsiam":      {held: []int{0, 1}, turned: queueStays},
	"ressl":       {held: []int{0}, asymmetric: "one direction", turned: queueStays},
	"mocov1":      {held: []int{0}, asymmetric: "one direction", turned: queueStays},
	"mocov2":      {held: []int{0}, asymmetric: "one direction", turned: queueStays},
	"mocov2plus":  {held: []int{0, 1}, asymmetric: "a queue for each view", turned: queueStays},
	"paws":        {held: []int{8, 9, 11}},
	"scan":        {asymmetric: "the entropy term sees only the images", scaled: "softmax", turned: "softmax"},
	"swav":        {held: []int{0, 1}, turned: "prototypes stay"},

	"deepclusterv2": {turned: "prototypes stay"},
	"dino":          {held: []int{0, 1}, scaled: "softmax", turned: "softmax"},
}

// switches are settings that the table tests in addition to the default hyperparameters.
var switches = map[string][]struct {
	name string
	set  func(parallax.Method)
	properties
}{
	"simclr": {
		{"temperature 0.5", set(func(m *method.SimCLR) { m.Temperature = 0.5 }), properties{}},
		{"no projector", set(func(m *method.SimCLR) { m.Projector = nn.MLP{} }), properties{}},
		{"no negatives", set(func(m *method.SimCLR) { m.Negatives = false }), properties{}},
		{"3 views", set(func(m *method.SimCLR) { m.ViewCount = 3 }), properties{}},
		{"4 views, no negatives", set(func(m *method.SimCLR) { m.ViewCount, m.Negatives = 4, false }), properties{}},
	},
	"supcon": {
		{"in", set(func(m *method.SupCon) { m.Form = "in" }), properties{}},
		{"base temperature", set(func(m *method.SupCon) { m.BaseTemperature = 0.07 }), properties{}},
		{"no negatives", set(func(m *method.SupCon) { m.Negatives = false }), properties{}},
		{"3 views", set(func(m *method.SupCon) { m.ViewCount = 3 }), properties{}},
	},
	"dcl": {
		{"one direction", set(func(m *method.DCL) { m.Symmetric = false }), properties{asymmetric: "one direction"}},
		{"4 views", set(func(m *method.DCL) { m.ViewCount = 4 }), properties{}},
		{"no negatives", set(func(m *method.DCL) { m.Negatives = false }), properties{}},
	},
	"dclw": {
		{"gradient of the weights", set(func(m *method.DCL) { m.WeightGradient = true }), properties{}},
	},
	"mocov3": {
		{"one direction", set(func(m *method.MoCoV3) { m.Symmetric = false }),
			properties{held: []int{0}, asymmetric: "one direction"}},
		{"no negatives, no predictor", set(func(m *method.MoCoV3) {
			m.Negatives, m.PredictorMode = false, "none"
		}), properties{held: []int{0, 1}}},
		{"fixed predictor", set(func(m *method.MoCoV3) { m.PredictorMode = "fixed" }), properties{held: []int{0, 1}}},
		{"3 views", set(func(m *method.MoCoV3) { m.ViewCount = 3 }), properties{held: []int{0, 1, 2}}},
	},
	"byol": {
		{"one direction", set(func(m *method.BYOL) { m.Symmetric = false }),
			properties{held: []int{0, 1, 3}, asymmetric: "one direction"}},
		{"momentum 0", set(func(m *method.BYOL) {
			m.TargetMomentum, m.FinalTargetMomentum = 0, 0
		}), properties{held: []int{0, 1}}},
		{"no predictor", set(func(m *method.BYOL) { m.PredictorMode = "none" }), properties{held: []int{0, 1}}},
		{"target trained by gradient", set(func(m *method.BYOL) { m.TargetMode = "gradient" }), properties{}},
		{"fixed target", set(func(m *method.BYOL) { m.TargetMode = "fixed" }), properties{held: []int{0, 1}}},
		{"group norm", byolNorm(nn.GroupStatistics), properties{held: []int{0, 1}}},
		{"tuned start without norm", byolNorm(nn.FirstStatistics), properties{held: []int{0, 1}}},
		{"3 views", set(func(m *method.BYOL) { m.ViewCount = 3 }), properties{held: []int{0, 1, 2}}},
	},
	"lejepa": {
		{"2 views, few directions, the authors' integral", set(func(m *method.LeJEPA) {
			m.LargeCrops, m.Directions = 2, 8
			m.Knots, m.Domain = 33, 3
		}), declared["lejepa"]},
		{"2 global and 3 local views", set(func(m *method.LeJEPA) {
			m.LargeCrops, m.SmallCrops, m.SmallSize = 2, 3, 4
		}), declared["lejepa"]},
	},
	"tico": {
		{"symmetric", set(func(m *method.TiCo) { m.Symmetric = true }),
			properties{held: []int{0, 1}, stopped: constantC}},
		{"gradient through the covariance", set(func(m *method.TiCo) { m.CovarianceGradient = true }),
			properties{held: []int{0}, asymmetric: "one direction"}},
		{"3 views", set(func(m *method.TiCo) { m.ViewCount = 3 }),
			properties{held: []int{0, 1}, stopped: constantC, asymmetric: "the first view is the query"}},
		{"3 views, symmetric, no contrast, momentum 0", set(func(m *method.TiCo) {
			m.ViewCount, m.Symmetric, m.Rho = 3, true, 0
			m.TargetMomentum, m.FinalTargetMomentum = 0, 0
		}), properties{held: []int{0, 1, 2}}},
	},
	"vibcreg": {
		{"without normalisations, 3 views, hinge on the variance", set(func(m *method.VIbCReg) {
			m.Hinge = "variance"
			m.NormalizedCovariance, m.IterNorm, m.ViewCount = false, false, 3
			// A 25th of VICReg's weights, for the table's rate.
			m.Invariance, m.Variance, m.Covariance = 1, 1, 0.04
		}), properties{scaled: "variance", turned: ownVariance}},
		{"one group", set(func(m *method.VIbCReg) { m.IterNormGroups = 1 }),
			properties{scaled: "variance", turned: ownVariance}},
	},
	"wmse": {
		{"4 views, 2 iterations, regularised", set(func(m *method.WMSE) {
			m.ViewCount, m.Iterations, m.Eps = 4, 2, 0.1
		}), properties{scaled: ofTheBatch, turned: "Cholesky's whitening knows the axes"}},
		{"euclidean", set(func(m *method.WMSE) { m.Distance = "euclidean" }),
			properties{scaled: ofTheBatch, turned: "Cholesky's whitening knows the axes"}},
		{"not whitened", set(func(m *method.WMSE) { m.Whitening = false }), properties{}},
	},
	"barlowtwins": {
		{"algorithm 1", set(func(m *method.BarlowTwins) { m.Deviation = "unbiased" }),
			properties{scaled: ofTheBatch, turned: ownVariance}},
		{"not centred", set(func(m *method.BarlowTwins) { m.Centring = false }),
			properties{scaled: ofTheBatch, turned: ownVariance}},
		{"no redundancy term, 3 views", set(func(m *method.BarlowTwins) {
			m.Lambda, m.ViewCount = 0, 3
		}), properties{scaled: ofTheBatch, turned: ownVariance}},
	},
	"vicreg": {
		{"the paper's form", set(func(m *method.VICReg) {
			m.Form = "paper"
			weights(1, 1, 0.04)(m) // a 25th of the paper's, for the table's rate
		}), properties{scaled: "variance", turned: ownVariance}},
		{"hinge on the variance", set(func(m *method.VICReg) { m.Hinge = "variance" }),
			properties{scaled: "variance", turned: ownVariance}},
		{"no covariance term, 3 views", set(func(m *method.VICReg) {
			m.Covariance, m.ViewCount = 0, 3
		}), properties{scaled: "variance", turned: ownVariance}},
	},
	"scan": {
		{"one head, two clusters", set(func(m *method.SCAN) { m.Heads, m.Classes = 1, 2 }),
			declared["scan"]},
		{"no entropy", set(func(m *method.SCAN) { m.EntropyWeight = 0 }),
			properties{scaled: "softmax", turned: "softmax"}},
	},
	"scan-selflabel": {
		{"all are sure", set(func(m *method.SelfLabel) { m.Threshold = 0 }),
			properties{held: []int{0}, asymmetric: "one view labels the other", scaled: "softmax", turned: "softmax"}},
		{"not balanced", set(func(m *method.SelfLabel) { m.Threshold, m.Balance = 0.1, false }),
			properties{held: []int{0}, asymmetric: "one view labels the other", scaled: "softmax", turned: "softmax"}},
	},
	"paws": {
		{"no small crops", set(func(m *method.PAWS) { m.SmallCrops = 0 }), properties{held: []int{2, 3, 5}}},
		{"one direction", set(func(m *method.PAWS) { m.SmallCrops, m.Symmetric = 0, false }),
			properties{held: []int{1, 3}, asymmetric: "one direction"}},
		{"predictor, no small crops", set(func(m *method.PAWS) {
			m.PredictorMode, m.SmallCrops = "trained", 0
		}), properties{held: []int{2, 3, 5}}},
		{"fixed predictor, small crops", set(func(m *method.PAWS) {
			m.PredictorMode, m.SmallCrops = "fixed", 2
		}), properties{held: []int{4, 5, 7}}},
		{"not sharpened, no me-max", set(func(m *method.PAWS) {
			m.Sharpen, m.MeMax, m.SmallCrops = 1, 0, 1
		}), properties{held: []int{3, 4, 6}}},
	},
	"nnclr": {
		{"one direction", set(func(m *method.NNCLR) { m.Symmetric = false }),
			properties{held: []int{0, 1, 3}, asymmetric: "one direction", turned: queueStays}},
		{"no negatives, no predictor, 3 views", set(func(m *method.NNCLR) {
			m.Negatives, m.PredictorMode, m.ViewCount = false, "none", 3
		}), properties{held: []int{0, 1, 2}, turned: queueStays}},
		{"no neighbours", set(func(m *method.NNCLR) { m.Neighbour = false }), properties{held: []int{0, 1}}},
	},
	"nnbyol": {
		{"no neighbours", set(func(m *method.NNBYOL) { m.Neighbour = false }), properties{held: []int{0, 1}}},
		{"one direction, all views enqueued", set(func(m *method.NNBYOL) {
			m.Symmetric, m.EnqueueAll = false, true
		}), properties{held: []int{0, 1, 3}, asymmetric: "one direction", turned: queueStays}},
	},
	"nnsiam": {
		{"no neighbours", set(func(m *method.NNSiam) { m.Neighbour = false }), properties{held: []int{0, 1}}},
		{"one direction, all views enqueued", set(func(m *method.NNSiam) {
			m.Symmetric, m.EnqueueAll = false, true
		}), properties{held: []int{0, 1, 3}, asymmetric: "one direction", turned: queueStays}},
	},
	"ressl": {
		{"not sharpened", set(func(m *method.ReSSL) { m.TeacherTemperature = 0.1 }), declared["ressl"]},
		{"4 views, the teacher's strong, too", set(func(m *method.ReSSL) { m.ViewCount, m.Weak = 4, false }),
			properties{held: []int{0}, turned: queueStays}},
	},
	"mocov2plus": {
		{"3 views", set(func(m *method.MoCo) { m.ViewCount = 3 }),
			properties{held: []int{0, 1, 2}, asymmetric: "a queue for each view", turned: queueStays}},
	},
	"mocov2": {
		{"4 views", set(func(m *method.MoCo) { m.ViewCount = 4 }), properties{held: []int{0}, turned: queueStays}},
		{"no negatives, momentum 0", set(func(m *method.MoCo) {
			m.Negatives, m.TargetMomentum, m.FinalTargetMomentum = false, 0, 0
		}), properties{held: []int{0}}},
		{"queue shorter than a batch", set(func(m *method.MoCo) { m.Queue = 3 }), declared["mocov2"]},
	},
	"dino": {
		{"no centring", set(func(m *method.DINO) { m.Centring = false }), declared["dino"]},
		{"batch norm in the head", set(func(m *method.DINO) { m.HeadNorm = true }), declared["dino"]},
		{"small crops", set(func(m *method.DINO) { m.SmallCrops, m.SmallSize = 2, 4 }), declared["dino"]},
	},
	"deepclusterv2": {
		{"small crops, one large", set(func(m *method.DeepClusterV2) {
			m.LargeCrops, m.SmallCrops, m.SmallSize = 1, 2, 4
		}), properties{turned: "prototypes stay", asymmetric: "crops of two sizes"}},
	},
	"swav": {
		{"hard codes", set(func(m *method.SwAV) { m.Codes = "hard" }), declared["swav"]},
		{"without Sinkhorn", set(func(m *method.SwAV) { m.Sinkhorn = false }), declared["swav"]},
		{"queue", set(func(m *method.SwAV) { m.Queue, m.QueueFrom = 8, 0 }), declared["swav"]},
		{"small crops", set(func(m *method.SwAV) { m.SmallCrops, m.SmallSize = 3, 4 }), declared["swav"]},
		{"one large crop", set(func(m *method.SwAV) { m.LargeCrops, m.SmallCrops = 1, 2 }),
			properties{held: []int{0, 1}, asymmetric: "only the large crop has a code", turned: "prototypes stay"}},
	},
	"simsiam": {
		{"one direction", set(func(m *method.SimSiam) { m.Symmetric = false }),
			properties{held: []int{0, 1, 3}, asymmetric: "one direction"}},
		{"3 views", set(func(m *method.SimSiam) { m.ViewCount = 3 }), properties{held: []int{0, 1, 2}}},
		{"3 views, one direction", set(func(m *method.SimSiam) {
			m.ViewCount, m.Symmetric = 3, false
		}), properties{held: []int{0, 1, 2, 5}, asymmetric: "one direction"}},
		{"no stop-gradient", set(func(m *method.SimSiam) { m.StopGradient = false }), properties{}},
		{"no predictor", set(func(m *method.SimSiam) { m.PredictorMode = "none" }), properties{held: []int{0, 1}}},
		{"fixed predictor", set(func(m *method.SimSiam) { m.PredictorMode = "fixed" }), properties{held: []int{0, 1}}},
		{"targets of an older network", set(func(m *method.SimSiam) { m.TargetEvery = 10 }),
			properties{held: []int{0, 1}}},
		{"scheduled predictor", set(func(m *method.SimSiam) { m.PredictorRate = "scheduled" }),
			properties{held: []int{0, 1}}},
		{"cross-entropy", set(func(m *method.SimSiam) { m.Similarity = "cross_entropy" }),
			properties{held: []int{0, 1}, scaled: "softmax", turned: "softmax"}},
	},
}

// variants are the variants that the table tests around a method.
var variants = map[string][]varied{
	"byol": {
		{name: "linear predictor", vary: form("linear"), properties: properties{held: []int{0, 1}}},
		{name: "symmetric linear predictor", vary: form("symmetric"), properties: properties{held: []int{0, 1}}},
		{name: "symmetric predictor of two layers", vary: form("symmetric_mlp"),
			properties: properties{held: []int{0, 1}}},
		{name: "predictor that is set", vary: form("direct"), properties: properties{held: []int{0, 1}}},
		{name: "predictor that is set, isotropic, centred", vary: func(v *config.Variant) {
			v.PredictorForm, v.Direct.Isotropic, v.Direct.Centred = "direct", true, true
		}, properties: properties{held: []int{0, 1}}},
		{name: "a vector as predictor", vary: form("bias"), properties: properties{held: []int{0, 1}}},
	},
	"simsiam": {
		{name: "a vector as predictor", vary: form("bias"), properties: properties{held: []int{0, 1}}},
		{name: "predictor that is set", vary: form("direct"), properties: properties{held: []int{0, 1}}},
		{name: "VICReg's terms", vary: spread(1, 0.01),
			properties: properties{stopped: "the targets", scaled: "variance", turned: ownVariance}},
		{name: "VICReg's terms, symmetric predictor", vary: func(v *config.Variant) {
			form("symmetric")(v)
			spread(1, 0.01)(v)
		}, properties: properties{stopped: "the targets", scaled: "variance", turned: ownVariance}},
	},
	"simclr": {
		{name: "untied", vary: untied, properties: properties{asymmetric: "a network for each view"}},
		{name: "stop-gradient and predictor", vary: asymmetric(true, "trained"),
			properties: properties{held: []int{0, 1, 3}, asymmetric: "one view is predicted"}},
	},
	"barlowtwins": {
		{name: "untied", vary: untied,
			properties: properties{asymmetric: "a network for each view", scaled: ofTheBatch, turned: ownVariance}},
		{name: "stop-gradient", vary: asymmetric(true, "none"),
			properties: properties{held: []int{0, 1, 3}, scaled: ofTheBatch, turned: ownVariance}},
		{name: "predictor", vary: asymmetric(false, "trained"), properties: properties{
			held: []int{0, 3}, asymmetric: "one view is predicted", scaled: ofTheBatch, turned: ownVariance,
		}},
		{name: "stop-gradient and predictor", vary: asymmetric(true, "trained"), properties: properties{
			held: []int{0, 1, 3}, asymmetric: "one view is predicted", scaled: ofTheBatch, turned: ownVariance,
		}},
		{name: "untied, fixed predictor", vary: func(v *config.Variant) {
			untied(v)
			asymmetric(false, "fixed")(v)
		}, properties: properties{
			held: []int{0, 3}, asymmetric: "one view is predicted", scaled: ofTheBatch, turned: ownVariance,
		}},
	},
	"vicreg": {
		{name: "untied", vary: untied, set: set(weights(1, 1, 0.04)),
			properties: properties{asymmetric: "a network for each view", scaled: "variance", turned: ownVariance}},
		{name: "stop-gradient and predictor", vary: asymmetric(true, "trained"), set: set(weights(1, 1, 0.04)),
			properties: properties{
				held: []int{0, 1, 3}, asymmetric: "one view is predicted", scaled: "variance", turned: ownVariance,
			}},
	},
}

// varied is a variant of a method.
type varied struct {
	name string
	vary func(*config.Variant)
	set  func(parallax.Method) // also changes the method's own hyperparameters; nil for none
	properties
}

// set makes a switch of a change to one method's hyperparameters.
func set[M parallax.Method](change func(M)) func(parallax.Method) {
	return func(m parallax.Method) { change(m.(M)) }
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

func byolNorm(n nn.Norm) func(parallax.Method) {
	return set(func(m *method.BYOL) { m.Projector.Norm, m.Predictor.Norm = n, n })
}

// A new method needs no line in this file, unless it lacks one of the properties.
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

// checkEntry checks what the entry of a method says about it.
func checkEntry(t *testing.T, s subject) {
	for what, text := range map[string]string{
		"name":     s.Name,
		"title":    s.Title,
		"paper":    s.Paper,
		"equation": s.Equation,
		"collapse": s.Collapse,
	} {
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
			t.Errorf("view %d has %d x %d pixels, want 32 x 32, or a smaller square from the third view on",
				v, got.W, got.H)
		}
	}
}

// checkFiniteDifferences compares the gradient of the loss with respect to each of its inputs with central differences.
// An input behind a stop-gradient gets no gradient, although the loss depends on it.
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

// checkSymmetry checks that the loss stays the same when the two views are exchanged.
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

// checkOrder checks that the loss stays the same when the images of the batch are in another order.
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

// trainsOnLabels names the methods whose loss may depend on Step.Labels. A Supporter has the labels of its support
// instead.
var trainsOnLabels = map[string]bool{"supcon": true}

// checkLabels checks that other labels change the loss only of methods that train on labels.
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

// checkTransformed checks that transformed embeddings have the same loss. If why is not empty, the loss must change,
// and why says the reason.
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

// orthogonal returns a d x d orthogonal matrix, made with the Gram-Schmidt process.
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

// checkPurity checks that Loss does not change the networks or its arguments, and gives the same value again.
func checkPurity(t *testing.T, s subject) {
	with(t, s.new(), torch.F64, 6, func(b built) {
		step := b.step(1, 6, 6)
		step.Gather = torch.Tensor.Clone // returns another tensor than its argument, as with several processes
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

// differing names the first state in which a and b differ. It returns "" if there is none.
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

// checkReach checks that one backward pass gives a gradient to every parameter of the trained backbone, and none to
// frozen parameters. The evaluated network is this backbone or its moving average.
func checkReach(t *testing.T, s subject) {
	with(t, s.new(), torch.F64, 6, func(b built) {
		b.loss(b.step(1, 6, 7)).Backward()
		learning := b.params.Sub("backbone").Trainable()
		if len(learning) != 3 {
			t.Errorf("the backbone has %d parameters to train, want the 3 of its convolution and its batch norm",
				len(learning))
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

// train makes n steps at rate 0.05, all on the same views, and returns the losses.
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

// checkLearning checks that training on 8 images lowers the loss. The memory of other batches changes a loss whatever
// was learned, so both losses are computed with the memory as it was at the start.
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

// checkLeaks counts the tensors before and after a step. The function with counts them for the whole test.
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
		if ask := fmt.Sprintf("did you mean %q?", want); err == nil || !strings.Contains(err.Error(), ask) {
			t.Errorf("Find(%q) says %v, want %q in it", typed, err, ask)
		}
	}
}
