// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// A wrong hyperparameter gives an error of one line that names it as the config does.
func TestValidateNamesTheField(t *testing.T) {
	for _, c := range []struct {
		field  string
		method parallax.Method
	}{
		{"method.temperature", &method.SimCLR{Temperature: 0}},
		{"method.student_temperature", reSSL(func(m *method.ReSSL) { m.StudentTemperature = 0 })},
		{"method.teacher_temperature", reSSL(func(m *method.ReSSL) { m.TeacherTemperature = math.NaN() })},
		{"method.queue", reSSL(func(m *method.ReSSL) { m.Queue = -1 })},
		{"method.target_momentum", reSSL(func(m *method.ReSSL) { m.TargetMomentum = 2 })},
		{"method.temperature", &method.NNCLR{}},
		{"method.queue", nnSiam(func(m *method.NNSiam) { m.Queue = 0 })},
		{"method.predictor_mode", nnSiam(func(m *method.NNSiam) { m.PredictorMode = "train" })},
		{"method.predictor_rate", nnSiam(func(m *method.NNSiam) { m.PredictorRate = "" })},
		{"method.predictor", nnSiam(func(m *method.NNSiam) { m.Predictor.Widths = []int{7, 6} })},
		{"method.final_target_momentum", nnBYOL(func(m *method.NNBYOL) { m.FinalTargetMomentum = 1.1 })},
		{"method.view_count", nnBYOL(func(m *method.NNBYOL) { m.ViewCount = 1 })},
		{"method.predictor.widths", nnBYOL(func(m *method.NNBYOL) { m.Predictor.Widths = []int{0, width} })},
		{"method.temperature", moCo(func(m *method.MoCo) { m.Temperature = 0 })},
		{"method.queue", moCo(func(m *method.MoCo) { m.Queue = 0 })},
		{"method.target_momentum", moCo(func(m *method.MoCo) { m.TargetMomentum = -0.1 })},
		{"method.final_target_momentum", moCo(func(m *method.MoCo) { m.FinalTargetMomentum = math.NaN() })},
		{"method.view_count", moCo(func(m *method.MoCo) { m.ViewCount = 1 })},
		{"method.view_count", reSSL(func(m *method.ReSSL) { m.ViewCount = 1 })},
		{"method.projector_rate_factor", byolWith(func(m *method.BYOL) { m.ProjectorRateFactor = -1 })},
		{"method.predictor_rate_factor", byolWith(func(m *method.BYOL) { m.PredictorRateFactor = 0 })},
		{"method.groups", reSSL(func(m *method.ReSSL) { m.Groups = 0 })},
		{"method.shuffle_groups", reSSL(func(m *method.ReSSL) { m.ShuffleGroups = 0 })},
		{"method.groups", moCo(func(m *method.MoCo) { m.Groups = 0 })},
		{"method.shuffle_groups", moCo(func(m *method.MoCo) { m.ShuffleGroups = 0 })},
		{"method.projector.widths", moCo(func(m *method.MoCo) { m.Projector.Widths = []int{0} })},
		{"method.invariance", vicreg(weights(-1, 1, 1))},
		{"method.variance", vicreg(weights(1, -1, 1))},
		{"method.covariance", vicreg(weights(1, 1, math.NaN()))},
		{"method.gamma", vicreg(func(m *method.VICReg) { m.Gamma = -1 })},
		{"method.eps", vicreg(func(m *method.VICReg) { m.Eps = -1 })},
		{"method.hinge", vicreg(func(m *method.VICReg) { m.Hinge = "deviation" })},
		{"method.form", vicreg(func(m *method.VICReg) { m.Form = "" })},
		{"method.view_count", vicreg(func(m *method.VICReg) { m.ViewCount = 0 })},
		{"method.invariance", vibcreg(func(m *method.VIbCReg) { m.Invariance = -1 })},
		{"method.variance", vibcreg(func(m *method.VIbCReg) { m.Variance = -1 })},
		{"method.covariance", vibcreg(func(m *method.VIbCReg) { m.Covariance = -1 })},
		{"method.gamma", vibcreg(func(m *method.VIbCReg) { m.Gamma = -1 })},
		{"method.eps", vibcreg(func(m *method.VIbCReg) { m.Eps = math.NaN() })},
		{"method.hinge", vibcreg(func(m *method.VIbCReg) { m.Hinge = "" })},
		{"method.iter_norm_groups", vibcreg(func(m *method.VIbCReg) { m.IterNormGroups = 0 })},
		{"method.iter_norm_steps", vibcreg(func(m *method.VIbCReg) { m.IterNormSteps = 0 })},
		{"method.view_count", vibcreg(func(m *method.VIbCReg) { m.ViewCount = 1 })},
		{"method.rho", tico(func(m *method.TiCo) { m.Rho = -1 })},
		{"method.beta", tico(func(m *method.TiCo) { m.Beta = 1.1 })},
		{"method.target_momentum", tico(func(m *method.TiCo) { m.TargetMomentum = 2 })},
		{"method.final_target_momentum", tico(func(m *method.TiCo) { m.FinalTargetMomentum = -1 })},
		{"method.view_count", tico(func(m *method.TiCo) { m.ViewCount = 1 })},
		{"method.lambda", lejepa(func(m *method.LeJEPA) { m.Lambda = 1.5 })},
		{"method.directions", lejepa(func(m *method.LeJEPA) { m.Directions = 0 })},
		{"method.knots", lejepa(func(m *method.LeJEPA) { m.Knots = 16 })},
		{"method.knots", lejepa(func(m *method.LeJEPA) { m.Knots = 1 })},
		{"method.domain", lejepa(func(m *method.LeJEPA) { m.Domain = 0 })},
		{"method.large_crops", lejepa(func(m *method.LeJEPA) { m.LargeCrops = 1 })},
		{"method.view_count", wmse(func(m *method.WMSE) { m.ViewCount = 1 })},
		{"method.slice", wmse(func(m *method.WMSE) { m.Slice = 1 })},
		{"method.iterations", wmse(func(m *method.WMSE) { m.Iterations = 0 })},
		{"method.eps", wmse(func(m *method.WMSE) { m.Eps = -1e-6 })},
		{"method.distance", wmse(func(m *method.WMSE) { m.Distance = "l2" })},
		{"method.on_diagonal", barlow(func(m *method.BarlowTwins) { m.OnDiagonal = -1 })},
		{"method.lambda", barlow(func(m *method.BarlowTwins) { m.Lambda = math.NaN() })},
		{"method.scale", barlow(func(m *method.BarlowTwins) { m.Scale = 0 })},
		{"method.deviation", barlow(func(m *method.BarlowTwins) { m.Deviation = "" })},
		{"method.view_count", barlow(func(m *method.BarlowTwins) { m.ViewCount = 1 })},
		{"method.view_count", &method.SimCLR{Temperature: 1, ViewCount: 1}},
		{"method.temperature", supervised(func(m *method.SupCon) { m.Temperature = 0 })},
		{"method.base_temperature", supervised(func(m *method.SupCon) { m.BaseTemperature = -1 })},
		{"method.form", supervised(func(m *method.SupCon) { m.Form = "both" })},
		{"method.view_count", supervised(func(m *method.SupCon) { m.ViewCount = 1 })},
		{"method.sigma", decoupled(func(m *method.DCL) { m.Sigma = -1 })},
		{"method.temperature", decoupled(func(m *method.DCL) { m.Temperature = math.NaN() })},
		{"method.target_momentum", keyed(func(m *method.MoCoV3) { m.TargetMomentum = 2 })},
		{"method.predictor_mode", keyed(func(m *method.MoCoV3) { m.PredictorMode = "sometimes" })},
		{"method.predictor", keyed(func(m *method.MoCoV3) { m.Predictor.Widths = []int{8, 9} })},
		{"method.predictor_mode", bootstrap(func(m *method.BYOL) { m.PredictorMode = "" })},
		{"method.view_count", siamese(func(m *method.SimSiam) { m.ViewCount = -1 })},
		{"method.view_count", bootstrap(func(m *method.BYOL) { m.ViewCount = 0 })},
		{"method.temperature", &method.SimCLR{Temperature: -1}},
		{"method.temperature", &method.SimCLR{Temperature: math.NaN()}},
		{"method.projector.widths", &method.SimCLR{
			Temperature: 1, ViewCount: 2, Projector: nn.MLP{Widths: []int{4, 0}},
		}},
		{"method.target_mode", bootstrap(func(m *method.BYOL) { m.TargetMode = "none" })},
		{"method.target_momentum", bootstrap(func(m *method.BYOL) { m.TargetMomentum = 1.5 })},
		{"method.target_momentum", bootstrap(func(m *method.BYOL) { m.TargetMomentum = math.NaN() })},
		{"method.final_target_momentum", bootstrap(func(m *method.BYOL) { m.FinalTargetMomentum = -0.1 })},
		{"method.projector.widths", bootstrap(func(m *method.BYOL) { m.Projector.Widths = []int{-4, 256} })},
		{"method.predictor.widths", bootstrap(func(m *method.BYOL) { m.Predictor.Widths = []int{0, 256} })},
		{"method.predictor", bootstrap(func(m *method.BYOL) { m.Predictor.Widths = []int{128} })},
		{"method.classes", &method.SCAN{Classes: 1}},
		{"method.heads", &method.SCAN{Classes: 2}},
		{"method.neighbours", &method.SCAN{Classes: 2, Heads: 1}},
		{"method.entropy_weight", &method.SCAN{Classes: 2, Heads: 1, Neighbours: 1, EntropyWeight: -1}},
		{"method.neighbours_by", &method.SCAN{Classes: 2, Heads: 1, Neighbours: 1, NeighboursBy: "p"}},
		{"method.head_epochs", &method.SCAN{Classes: 2, Heads: 1, Neighbours: 1, NeighboursBy: "h", HeadEpochs: -1}},
		{"method.ema", &method.SelfLabel{Classes: 2, EMA: 1}},
		{"method.classes", &method.SelfLabel{Classes: 1}},
		{"method.threshold", &method.SelfLabel{Classes: 2, Threshold: 1.5}},
		{"method.temperature", paws(func(m *method.PAWS) { m.Temperature = 0 })},
		{"method.sharpen", paws(func(m *method.PAWS) { m.Sharpen = -1 })},
		{"method.floor", paws(func(m *method.PAWS) { m.Floor = 2 })},
		{"method.label_smoothing", paws(func(m *method.PAWS) { m.LabelSmoothing = math.NaN() })},
		{"method.me_max", paws(func(m *method.PAWS) { m.MeMax = -1 })},
		{"method.small_crops", paws(func(m *method.PAWS) { m.SmallCrops = -1 })},
		{"method.support_classes", paws(func(m *method.PAWS) { m.SupportClasses = -1 })},
		{"method.support_images", paws(func(m *method.PAWS) { m.SupportImages = 0 })},
		{"method.predictor_mode", paws(func(m *method.PAWS) { m.PredictorMode = "" })},
		{"method.predictor", paws(func(m *method.PAWS) {
			m.PredictorMode, m.Predictor.Widths = "trained", []int{5, 7}
		})},
		{"method.support_views", paws(func(m *method.PAWS) { m.SupportViews = 3 })},
		{"method.target_every", siamese(func(m *method.SimSiam) { m.TargetEvery = 0 })},
		{"method.target_every", siamese(func(m *method.SimSiam) { m.TargetEvery, m.StopGradient = 10, false })},
		{"method.predictor_mode", siamese(func(m *method.SimSiam) { m.PredictorMode = "train" })},
		{"method.predictor_rate", siamese(func(m *method.SimSiam) { m.PredictorRate = "" })},
		{"method.similarity", siamese(func(m *method.SimSiam) { m.Similarity = "l2" })},
		{"method.projector.widths", siamese(func(m *method.SimSiam) { m.Projector.Widths = []int{0, 2048} })},
		{"method.predictor.widths", siamese(func(m *method.SimSiam) { m.Predictor.Widths = []int{-1, 2048} })},
		{"method.predictor", siamese(func(m *method.SimSiam) { m.Predictor.Widths = []int{512, 1024} })},
		{"method.large_crops", swapped(func(m *method.SwAV) { m.LargeCrops = 1 })},
		{"method.large_crops", swapped(func(m *method.SwAV) { m.LargeCrops, m.SmallCrops = 0, 4 })},
		{"method.small_crops", swapped(func(m *method.SwAV) { m.LargeCrops, m.SmallCrops = 4, -1 })},
		{"method.small_size", swapped(func(m *method.SwAV) { m.SmallSize = 0 })},
		{"method.large_scale", swapped(func(m *method.SwAV) { m.LargeScale = [2]float64{0.5, 0.4} })},
		{"method.small_scale", swapped(func(m *method.SwAV) { m.SmallScale = [2]float64{0, 1} })},
		{"method.projector.widths", swapped(func(m *method.SwAV) { m.Projector.Widths = []int{0} })},
		{"method.prototypes", swapped(func(m *method.SwAV) { m.Prototypes = 0 })},
		{"method.temperature", swapped(func(m *method.SwAV) { m.Temperature = math.NaN() })},
		{"method.epsilon", swapped(func(m *method.SwAV) { m.Epsilon = 0 })},
		{"method.sinkhorn_iterations", swapped(func(m *method.SwAV) { m.SinkhornIterations = 0 })},
		{"method.codes", swapped(func(m *method.SwAV) { m.Codes = "rounded" })},
		{"method.queue", swapped(func(m *method.SwAV) { m.Queue = -1 })},
		{"method.queue_from", swapped(func(m *method.SwAV) { m.QueueFrom = -1 })},
		{"method.heads", deep(func(m *method.DeepClusterV2) { m.Heads = 0 })},
		{"method.prototypes", deep(func(m *method.DeepClusterV2) { m.Prototypes = 0 })},
		{"method.iterations", deep(func(m *method.DeepClusterV2) { m.Iterations = -1 })},
		{"method.temperature", deep(func(m *method.DeepClusterV2) { m.Temperature = 0 })},
		{"method.large_crops", deep(func(m *method.DeepClusterV2) { m.LargeCrops = 0 })},
		{"method.projector.widths", deep(func(m *method.DeepClusterV2) { m.Projector.Widths = []int{-1} })},
		{"method.large_crops", distilled(func(m *method.DINO) { m.LargeCrops = 1 })},
		{"method.target_every", distilled(func(m *method.DINO) { m.TargetEvery = 0 })},
		{"method.head_layers", distilled(func(m *method.DINO) { m.HeadLayers = -1 })},
		{"method.hidden", distilled(func(m *method.DINO) { m.Hidden = 0 })},
		{"method.bottleneck", distilled(func(m *method.DINO) { m.Bottleneck = 0 })},
		{"method.outputs", distilled(func(m *method.DINO) { m.Outputs = -5 })},
		{"method.student_temperature", distilled(func(m *method.DINO) { m.StudentTemperature = 0 })},
		{"method.teacher_temperature", distilled(func(m *method.DINO) { m.TeacherTemperature = math.NaN() })},
		{"method.warmup_teacher_temperature", distilled(func(m *method.DINO) { m.WarmupTeacherTemperature = -1 })},
		{"method.warmup_teacher_epochs", distilled(func(m *method.DINO) { m.WarmupTeacherEpochs = -1 })},
		{"method.centre_momentum", distilled(func(m *method.DINO) { m.CentreMomentum = 1.1 })},
		{"method.target_momentum", distilled(func(m *method.DINO) { m.TargetMomentum = 2 })},
		{"method.final_target_momentum", distilled(func(m *method.DINO) { m.FinalTargetMomentum = -1 })},
		{"method.freeze_epochs", distilled(func(m *method.DINO) { m.FreezeEpochs = -1 })},
		{"method.freeze_steps", swapped(func(m *method.SwAV) { m.FreezeSteps = -1 })},
		{"method.freeze_epochs", swapped(func(m *method.SwAV) { m.FreezeEpochs = -1 })},
	} {
		err := c.method.(parallax.Validator).Validate()
		if err == nil || !strings.HasPrefix(err.Error(), c.field+" ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("want one line that begins with %s, got: %v", c.field, err)
		}
	}
}

func swapped(set func(*method.SwAV)) *method.SwAV {
	m := method.NewSwAV()
	set(m)
	return m
}

func deep(set func(*method.DeepClusterV2)) *method.DeepClusterV2 {
	m := method.NewDeepClusterV2()
	set(m)
	return m
}

func distilled(set func(*method.DINO)) *method.DINO {
	m := method.NewDINO()
	set(m)
	return m
}

func bootstrap(set func(*method.BYOL)) *method.BYOL {
	m := method.NewBYOL()
	set(m)
	return m
}

// rate returns BYOL with this momentum for the whole run.
func rate(momentum float64) *method.BYOL {
	m := bootstrap(func(m *method.BYOL) { m.TargetMomentum, m.FinalTargetMomentum = momentum, momentum })
	return shrink(m).(*method.BYOL)
}

// parameters returns the bytes of a subtree's parameters by local name.
func parameters(p *nn.Params) map[string][]byte {
	all := map[string][]byte{}
	for _, n := range p.All() {
		if !n.Buffer {
			all[p.Local(n)] = n.Tensor.Bytes()
		}
	}
	return all
}

func TestBYOLTarget(t *testing.T) {
	for _, c := range []struct {
		name     string
		momentum float64
		check    func(t *testing.T, name string, before, after, online []byte)
	}{
		{"momentum 0 is the online network", 0, func(t *testing.T, name string, _, after, online []byte) {
			if !bytes.Equal(after, online) {
				t.Errorf("target.%s is not the online network's", name)
			}
		}},
		{"momentum 1 never moves", 1, func(t *testing.T, name string, before, after, _ []byte) {
			if !bytes.Equal(before, after) {
				t.Errorf("target.%s moved", name)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			with(t, rate(c.momentum), torch.F32, 8, func(b built) {
				o := optim.New(optim.SGD{}, b.params.Trainable())
				defer o.Free()
				target := b.params.Sub("target")
				before, began := parameters(target), parameters(b.params)
				b.train(o, 3, b.step(0, 8, 1))
				after, online := parameters(target), parameters(b.params)
				if len(after) == 0 {
					t.Error("the target has no parameters")
				}
				for name := range after {
					if !bytes.Equal(before[name], began[name]) {
						t.Errorf("target.%s did not begin as the online network's", name)
					}
					if name == "backbone.conv1.weight" && bytes.Equal(began[name], online[name]) {
						t.Errorf("%s was not trained", name)
					}
					c.check(t, name, before[name], after[name], online[name])
				}
			})
		})
	}
}

// Update reports the momentum with which the target moves in that step, or 1 if it does not move.
func TestTargetMomentumIsReported(t *testing.T) {
	for _, e := range method.All {
		m := shrink(e.New())
		v := reflect.ValueOf(m).Elem()
		if !v.FieldByName("TargetMomentum").IsValid() {
			continue
		}
		v.FieldByName("TargetMomentum").SetFloat(0.5)
		v.FieldByName("FinalTargetMomentum").SetFloat(1)
		want := []float64{0.5, 0.75}
		if every := v.FieldByName("TargetEvery"); every.IsValid() {
			every.SetInt(2)
			want[0] = 1 // it moves after the second step
		}
		with(t, m, torch.F32, 8, func(b built) {
			s, at := b.step(0, 8, 1), 0
			s.Report = func(term string, got torch.Tensor) {
				if term == "target_momentum" {
					near(t, e.Name, got.Item(), want[at], 1e-12)
					at++
				}
			}
			for s.At, s.Of = 0, 2; s.At < s.Of; s.At++ {
				b.loss(s)
				b.Method.(parallax.Updater).Update(s)
			}
			if at != len(want) {
				t.Errorf("%s reports target_momentum in %d of %d steps", e.Name, at, len(want))
			}
		})
	}
}

// The target moves by ξ ← τξ + (1-τ)θ with τ = 1 - (1-τ₀)(cos(πk/K)+1)/2, which in the middle of the run is half way
// between τ₀ and 1.
func TestBYOLTargetMovesByItsSchedule(t *testing.T) {
	m := shrink(bootstrap(func(m *method.BYOL) { m.TargetMomentum = 0.5 })).(*method.BYOL)
	with(t, m, torch.F64, 4, func(b built) {
		ξ, _ := b.params.Get("target.backbone.conv1.weight")
		θ, _ := b.params.Get("backbone.conv1.weight")
		torch.Ones(torch.F64).CopyInto(θ.Detach())
		for _, c := range []struct {
			at  int
			tau float64
		}{{0, 0.5}, {steps / 2, 0.75}, {steps, 1}} {
			torch.Zeros(torch.F64).CopyInto(ξ)
			m.Update(parallax.NewStep(c.at, steps))
			near(t, "ξ", ξ.Mean().Item(), 1-c.tau, 1e-12)
		}
	})
}

// A fixed target does not move. With "gradient", the same gradient descent moves the target and the online network, on
// the loss as a function of both.
func TestBYOLTargetModes(t *testing.T) {
	for mode, moves := range map[part.TargetMode]bool{"fixed": false, "gradient": true} {
		m := shrink(bootstrap(func(m *method.BYOL) {
			m.TargetMode, m.TargetMomentum, m.FinalTargetMomentum = mode, 0, 0
		}))
		with(t, m, torch.F64, 8, func(b built) {
			o := optim.New(optim.SGD{}, b.params.Trainable())
			defer o.Free()
			step := b.step(0, 8, 1)
			before, loss := parameters(b.params), b.loss(step)
			loss.Backward()
			descent := 0.0 // ‖∇‖²: the slope of the loss along the step
			for _, p := range b.params.Trainable() {
				descent += p.Tensor.Grad().Square().Sum().Item()
			}
			const rate = 1e-5
			o.Step(rate, rate, nil)
			b.Method.(parallax.Updater).Update(step)
			fall := loss.Item() - b.loss(step).Item()
			near(t, string(mode)+": what the step takes from the loss", fall/(rate*descent), 1, 1e-2)
			for name, was := range before {
				if !strings.HasPrefix(name, "target.") {
					continue
				}
				now, _ := b.params.Get(name)
				if moved := !bytes.Equal(was, now.Bytes()); moved != moves {
					t.Errorf("%s: %s moved: %v, want %v", mode, name, moved, moves)
				}
			}
		})
	}
}

func TestBYOLTargetGetsNoGradient(t *testing.T) {
	with(t, rate(0.9), torch.F32, 8, func(b built) {
		for _, p := range b.params.Trainable() {
			if strings.HasPrefix(p.Name, "target.") {
				t.Errorf("%s is trained", p.Name)
			}
		}
		z := b.Forward(b.step(0, 8, 1))
		for k, want := range []bool{false, false, true, true} { // z'₁, z'₂, p₁, p₂
			if z[k].RequiresGrad() != want {
				t.Errorf("output %d of Forward: backward passes through it: %v, want %v", k, !want, want)
			}
		}
	})
}

func TestSimSiamPredictorModes(t *testing.T) {
	for mode, c := range map[part.Predictor]struct{ exists, moves bool }{
		"trained": {true, true}, "fixed": {true, false}, "none": {false, false},
	} {
		t.Run(string(mode), func(t *testing.T) {
			with(t, shrink(siamese(func(m *method.SimSiam) { m.PredictorMode = mode })), torch.F32, 8, func(b built) {
				o := optim.New(optim.SGD{Momentum: 0.9, WeightDecay: 0.1}, b.params.Trainable())
				defer o.Free()
				predictor := b.params.Sub("predictor")
				before := parameters(predictor)
				if exists := len(before) > 0; exists != c.exists {
					t.Errorf("there is a predictor: %v, want %v", exists, c.exists)
				}
				b.train(o, 3, b.step(0, 8, 1))
				for name, after := range parameters(predictor) {
					if moved := !bytes.Equal(before[name], after); moved != c.moves {
						t.Errorf("predictor.%s moved: %v, want %v", name, moved, c.moves)
					}
				}
			})
		})
	}
}

// The predictor's constant rate stays at the peak when the schedule of the others has come to 0.
func TestSimSiamPredictorRate(t *testing.T) {
	for mode, want := range map[part.Rate]bool{"constant": true, "scheduled": false} {
		with(t, shrink(siamese(func(m *method.SimSiam) { m.PredictorRate = mode })), torch.F32, 8, func(b built) {
			o := optim.New(optim.SGD{}, b.params.Trainable())
			defer o.Free()
			before := parameters(b.params)
			b.loss(b.step(0, 8, 1)).Backward()
			o.Step(0, 0.1, b.Method.(parallax.Grouper).Groups(parallax.NewStep(steps, steps)))
			for name, after := range parameters(b.params) {
				moves := want && strings.HasPrefix(name, "predictor.")
				if moved := !bytes.Equal(before[name], after); moved != moves {
					t.Errorf("%s: %s moved: %v, want %v", mode, name, moved, moves)
				}
			}
		})
	}
}
