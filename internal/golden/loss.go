// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"

	"parallax"
	"parallax/method"
	"parallax/nn"
	"parallax/torch"
)

// runLoss compares a method's loss and its gradients. An input that the case gives no gradient for must get none: that is
// the stop-gradient.
func runLoss(c *Case) error {
	if special := prototypeLosses[c.Text("method")]; special != nil {
		return special(c)
	}
	m, err := c.method()
	if err != nil {
		return err
	}
	names := lossInputs[c.Text("method")]
	if names == nil {
		for i := 0; c.Has(fmt.Sprintf("in.z%d", i)); i++ {
			names = append(names, fmt.Sprintf("z%d", i))
		}
	}
	inputs := map[string]torch.Tensor{} // a name that stands twice is one tensor
	if rows, ok := c.queue(); ok {
		defer withQueue(m, c.In(names[0]).Size(0), rows).Free()
	}
	var z []torch.Tensor
	for _, name := range names {
		if !inputs[name].Defined() {
			inputs[name] = c.In(name).RequireGrad(true)
		}
		z = append(z, inputs[name])
	}
	step := parallax.NewStep(0, 1)
	if c.Has("in.support_labels") {
		labels := c.In("support_labels")
		step.Support = &parallax.Support{Labels: labels.ArgMax(1).Ints(), Classes: labels.Size(1)}
	}
	if c.Has("in.labels") {
		step.Labels = c.In("labels").Ints()
	}
	// A method may put other tensors into the slice it is given.
	var loss torch.Tensor
	if w, ok := m.(*method.WMSE); ok { // the partition is the case's
		loss = w.LossOf(step, z, [][]int{c.In("perm").Ints()})
	} else {
		loss = m.Loss(step, append([]torch.Tensor(nil), z...))
	}
	loss.Backward()
	wrong := []error{c.near("loss", loss, c.Out("loss"))}
	if w, ok := m.(*method.WMSE); ok && c.Has("out.whitened0") {
		white, _, _ := method.Whiten(z[0], c.In("perm").Ints(), w.Slice, w.Eps)
		wrong = append(wrong, c.near("whitened0", white, c.Out("whitened0").IndexSelect(0, c.In("perm"))))
	}
	for i, name := range names {
		got, want := z[i].Grad(), torch.Zeros(torch.F64, z[i].Shape()...)
		if c.Has("grad." + name) {
			want = c.Grad(name)
		} else if !got.Defined() {
			continue
		}
		wrong = append(wrong, c.near("gradient of "+name, got, want))
	}
	return all(wrong...)
}

// lossInputs names what a method's Loss takes, in its order, where that is not just z0, z1 ...
var lossInputs = map[string][]string{
	"moco":    {"key", "query"},
	"nnclr":   {"nn", "nn", "p", "p"},
	"ressl":   {"key", "query"},
	"mocov3":  {"key", "query"},
	"paws":    {"anchors", "targets", "support", "support"},
	"byol":    {"z0", "z1", "p0", "p1"},
	"simsiam": {"z0", "z1", "p0", "p1"},

	"scan":           {"anchors", "neighbours"},
	"scan-selflabel": {"weak", "strong"},
}

// method returns the case's method, its hyperparameters set from the parameters.
func (c *Case) method() (parallax.Method, error) {
	name := c.Text("method")
	if name == "moco" {
		name = "mocov2" // its loss is that of all three
	}
	entry, err := method.Find(name)
	if err != nil {
		return nil, skip(fmt.Sprintf("method %q is not built", c.Text("method")))
	}
	m := entry.New()
	switch m := m.(type) {
	case *method.SimCLR:
		m.Temperature = c.Number("temperature")
	case *method.SupCon:
		m.Temperature = c.Number("temperature")
		if c.HasParam("variant") {
			m.Form = "in"
		}
	case *method.DCL:
		m.Temperature = c.Number("temperature")
	case *method.MoCoV3:
		m.Temperature, m.Symmetric = c.Number("temperature"), false
	case *method.SCAN:
		m.EntropyWeight = c.Number("entropy_weight")
	case *method.SelfLabel:
		m.Threshold, m.Balance, m.Classes = c.Number("threshold"), c.Truth("balance"), c.In("weak").Size(1)
	case *method.PAWS:
		m.Temperature, m.Sharpen, m.LabelSmoothing = c.Number("temperature"), c.Number("sharpen"), c.Number("label_smoothing")
		m.Symmetric = false
	case *method.NNCLR:
		m.Temperature, m.Symmetric = c.Number("temperature"), false
		if rows, ok := c.queue(); ok {
			m.Queue, m.Projector, m.Predictor = rows.Size(0), nn.MLP{Widths: rows.Shape()[1:]}, nn.MLP{}
		}
	case *method.ReSSL:
		m.StudentTemperature, m.TeacherTemperature = c.Number("temperature_student"), c.Number("temperature_teacher")
		if rows, ok := c.queue(); ok {
			m.Queue, m.Projector = rows.Size(0), nn.MLP{Widths: rows.Shape()[1:]}
		}
	case *method.MoCo:
		m.Temperature = c.Number("temperature")
		if rows, ok := c.queue(); ok {
			m.Queue, m.Projector = rows.Size(0), nn.MLP{Widths: rows.Shape()[1:]}
		}
	case *method.SimSiam:
		m.Symmetric = !c.HasParam("symmetric") || c.Truth("symmetric")
	case *method.BYOL:
		m.Symmetric = !c.HasParam("symmetric") || c.Truth("symmetric")
	case *method.BarlowTwins:
		m.Lambda, m.Scale = 5e-3, 0.1 // a trajectory's, which says so in its note alone
		if c.HasParam("lambda") {
			m.Lambda, m.Scale = c.Number("lambda"), c.Number("scale")
		}
	case *method.VICReg:
		m.Variance = 50 // a trajectory's: 25/50/1
		if c.HasParam("invariance") {
			m.Invariance, m.Variance, m.Covariance = c.Number("invariance"), c.Number("variance"), c.Number("covariance")
			m.Gamma, m.Eps = c.Number("gamma"), c.Number("eps")
		}
	case *method.WMSE:
		m.ViewCount, m.Slice, m.Eps = c.Int("views"), c.In("perm").Size(0)/c.Int("slices"), c.Number("whitening_eps")
	default:
		return nil, skip(fmt.Sprintf("method %q has no runner", entry.Name))
	}
	return m, nil
}
