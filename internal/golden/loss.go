// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// runLoss compares a method's loss and its gradients. An input without a gradient in the case must get none: that is
// the stop-gradient.
func runLoss(c *Case) error {
	if special := prototypeLosses[c.Text("method")]; special != nil {
		return special(c)
	}
	m, err := c.method()
	if err != nil {
		return err
	}
	names := c.lossInputs(m)
	inputs := map[string]torch.Tensor{} // a name that occurs twice is one tensor
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
	terms := map[string]torch.Tensor{}
	step.Report = func(term string, v torch.Tensor) { terms[term] = v.Detach() }
	if c.Has("in.support_labels") {
		labels := c.In("support_labels")
		step.Support = &parallax.Support{Labels: labels.ArgMax(1).Ints(), Classes: labels.Size(1)}
	}
	if c.Has("in.labels") {
		step.Labels = c.In("labels").Ints()
	}
	// A method may put other tensors into the slice.
	var loss torch.Tensor
	if w, ok := m.(*method.WMSE); ok { // the partition is the case's
		loss = w.LossOf(step, z, [][]int{c.In("perm").Ints()})
	} else {
		loss = m.Loss(step, append([]torch.Tensor(nil), z...))
	}
	loss.Backward()
	wrong := []error{c.near("loss", loss, c.Out("loss")), c.terms(m, z, terms)}
	if !c.HasGrads() {
		return all(wrong...)
	}
	for i, name := range names {
		got, want := z[i].Grad(), torch.Zeros(torch.F64, z[i].Shape()...)
		if c.Has("grad." + name) {
			want = c.Grad(name)
		}
		wrong = append(wrong, c.gradient(name, got, want))
	}
	return all(wrong...)
}

// gradient compares the gradient with respect to the input called name; a missing one counts as 0.
func (c *Case) gradient(name string, got, want torch.Tensor) error {
	if !got.Defined() {
		got = torch.Zeros(torch.F64, want.Shape()...)
	}
	return c.near("gradient of "+name, got, want)
}

// lossInputs names the arguments of m's Loss, in order.
func (c *Case) lossInputs(m parallax.Method) []string {
	switch m := m.(type) {
	case *method.MoCo, *method.ReSSL:
		c.In("queue") // they need it
		return []string{"key", "query"}
	case *method.MoCoV3:
		return []string{"key", "query"}
	case *method.NNCLR:
		return []string{"nn", "nn", "p", "p"}
	case *method.PAWS:
		return []string{"anchors", "targets", "support", "support"}
	case *method.SCAN:
		return []string{"anchors", "neighbours"}
	case *method.SelfLabel:
		return []string{"weak", "strong"}
	case *method.BYOL:
		return c.predicted(m.Symmetric)
	case *method.SimSiam:
		return c.predicted(m.Symmetric)
	}
	return c.views("z")
}

// predicted names the embeddings and the predictions: z0, z1 ... and p0, p1 ...; for one direction at least z1 and p0,
// or z and p.
func (c *Case) predicted(symmetric bool) []string {
	switch {
	case symmetric || c.Has("in.z0") && c.Has("in.p1"):
		return append(c.views("z"), c.views("p")...)
	case c.Has("in.p"):
		return []string{"z", "z", "p", "p"}
	}
	return []string{"z1", "z1", "p0", "p0"}
}

// views names the tensors of the views, at least two: z0, z1 ...
func (c *Case) views(letter string) []string {
	n := 2
	for c.Has(fmt.Sprintf("in.%s%d", letter, n)) {
		n++
	}
	if c.HasParam("views") {
		n = c.Int("views")
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", letter, i)
	}
	return names
}

// terms compares the case's other expected values, parts of the loss that the method mostly reports, for inputs z.
func (c *Case) terms(m parallax.Method, z []torch.Tensor, reported map[string]torch.Tensor) error {
	var wrong []error
	check := func(name string, got torch.Tensor) {
		if c.Has("out."+name) && got.Defined() {
			wrong = append(wrong, c.near(name, got, c.Out(name)))
		}
	}
	switch m := m.(type) {
	case *method.BarlowTwins:
		check("crosscorrelation", m.CrossCorrelation(z[0].Detach(), z[1].Detach()))
	case *method.WMSE:
		for i := range z {
			name := fmt.Sprintf("whitened%d", i)
			if c.Has("out." + name) {
				white, _, _ := method.Whiten(z[i].Detach(), c.In("perm").Ints(), m.Slice, m.Eps)
				wrong = append(wrong, c.near(name, white, c.Out(name).IndexSelect(0, c.In("perm").To(torch.I64))))
			}
		}
	case *method.SCAN:
		check("consistency", reported["consistency"])
		check("entropy", reported["entropy"])
	case *method.SelfLabel:
		if c.Has("out.confident") { // one per row, compared with the reported share
			wrong = append(wrong, c.near("confident", reported["confident"], c.Out("confident").To(torch.F64).Mean()))
		}
	case *method.PAWS:
		check("cross_entropy", reported["cross_entropy"])
		check("me_max", reported["mean_entropy"].Neg())
	}
	return all(wrong...)
}

// method returns the case's method, with hyperparameters from the parameters.
func (c *Case) method() (parallax.Method, error) {
	name := c.Text("method")
	switch name {
	case "moco":
		name = "mocov2" // all three have its loss
	case "scan_selflabel":
		name = "scan-selflabel"
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
			switch variant := c.Text("variant"); {
			case strings.Contains(variant, "inside"):
				m.Form = "in"
			case !strings.Contains(variant, "outside"):
				return nil, skip(fmt.Sprintf("variant %q of supcon is not built", variant))
			}
		}
	case *method.DCL:
		m.Temperature, m.Sigma = c.Number("temperature"), c.NumberOr("sigma", m.Sigma)
	case *method.MoCoV3:
		m.Temperature, m.Symmetric = c.Number("temperature"), false
	case *method.SCAN:
		m.EntropyWeight = c.Number("entropy_weight")
	case *method.SelfLabel:
		m.Threshold, m.Balance, m.Classes = c.Number("threshold"), c.TruthOr("balance", true), c.In("weak").Size(1)
	case *method.PAWS:
		m.Temperature, m.Sharpen, m.LabelSmoothing = c.Number("temperature"), c.Number("sharpen"),
			c.Number("label_smoothing")
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
		m.Temperature, m.Symmetric = c.Number("temperature"), false
		if rows, ok := c.queue(); ok {
			m.Queue, m.Projector = rows.Size(0), nn.MLP{Widths: rows.Shape()[1:]}
		}
	case *method.SimSiam:
		m.Symmetric = c.TruthOr("symmetric", !c.Has("in.p"))
	case *method.BYOL:
		m.Symmetric = c.TruthOr("symmetric", !c.Has("in.p"))
	case *method.BarlowTwins:
		if c.Kind == "trajectory" {
			m.Lambda, m.Scale = 5e-3, 0.1 // only the case's note says so
		}
		m.Lambda, m.Scale = c.NumberOr("lambda", m.Lambda), c.NumberOr("scale", m.Scale)
	case *method.VICReg:
		if c.Kind == "trajectory" {
			m.Variance = 50 // 25/50/1
		}
		m.Invariance, m.Variance = c.NumberOr("invariance", m.Invariance), c.NumberOr("variance", m.Variance)
		m.Covariance, m.Gamma, m.Eps = c.NumberOr("covariance", m.Covariance), c.NumberOr("gamma", m.Gamma),
			c.NumberOr("eps", m.Eps)
	case *method.WMSE:
		m.ViewCount, m.Slice, m.Eps = c.Int("views"), c.In("perm").Size(0)/c.Int("slices"), c.Number("whitening_eps")
	default:
		return nil, skip(fmt.Sprintf("method %q has no runner", entry.Name))
	}
	return m, nil
}
