// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"errors"
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// runLoss compares a method's loss, its gradients, and what the case expects beside them.
func runLoss(c *Case) error {
	var wrong []error
	for _, name := range c.Methods() {
		t, err := c.trial(name)
		if err == nil {
			err = t.run()
		}
		if errors.As(err, new(skip)) {
			return err
		}
		if err != nil && len(c.Methods()) > 1 {
			err = fmt.Errorf("%s: %w", name, err)
		}
		wrong = append(wrong, err)
	}
	return all(wrong...)
}

// Methods returns the names, as in the list of methods, of those that a case of kind loss or trajectory runs; nil for
// other cases.
func (c *Case) Methods() []string {
	if c.Kind != "loss" && c.Kind != "trajectory" {
		return nil
	}
	switch name := c.Text("method"); {
	case name == "moco" && c.Kind == "loss": // the loss is the same in all versions
		return []string{"mocov1", "mocov2", "mocov2plus"}
	case name == "moco":
		return []string{"mocov2"}
	case name == "scan_selflabel":
		return []string{"scan-selflabel"}
	default:
		return []string{name}
	}
}

// trial prepares the step of the method called name: how its networks give the case's embeddings.
func (c *Case) trial(name string) (*trial, error) {
	m, err := c.newMethod(name)
	if err != nil {
		return nil, err
	}
	t := &trial{c: c, method: m, state: map[string]torch.Tensor{}, inputs: map[string]torch.Tensor{}}
	switch m := m.(type) {
	case *method.SimCLR:
		m.Projector, m.ViewCount = nn.MLP{}, t.each("z")
	case *method.SupCon:
		m.Projector, m.ViewCount = nn.MLP{}, t.each("z")
		c.In("labels") // it needs them
	case *method.DCL:
		m.Projector, m.ViewCount = nn.MLP{}, t.each("z")
	case *method.DirectCLR:
		m.ViewCount = t.each("z")
	case *method.BarlowTwins:
		m.Projector, m.ViewCount = nn.MLP{}, t.each("z")
		t.terms = func(z []torch.Tensor, _ map[string]torch.Tensor) error {
			return c.expected("crosscorrelation", func() torch.Tensor { return m.CrossCorrelation(z[0], z[1]) })
		}
	case *method.VICReg:
		m.Projector, m.ViewCount = nn.MLP{}, t.each("z")
	case *method.VIbCReg:
		m.Projector, m.ViewCount = nn.MLP{}, t.each("z")
	case *method.WMSE:
		m.Projector, m.ViewCount = nn.MLP{}, t.each("z")
		return t, t.whitening(m)
	case *method.LeJEPA:
		m.Projector = nn.MLP{}
		if m.LargeCrops, m.SmallCrops, err = c.crops(t.each("z"), m.LargeCrops); err != nil {
			return nil, err
		}
		directions := c.In("directions") // d x M
		t.loss = func(s *parallax.Step, z []torch.Tensor) torch.Tensor { return m.LossOf(s, z, directions) }
	case *method.MoCo:
		m.Projector = nn.MLP{}
		m.Symmetric, m.ViewCount = t.keyed()
		m.Queue = t.queues(false)
	case *method.MoCoV3:
		m.Projector, m.Predictor = nn.MLP{}, nn.MLP{}
		m.Symmetric, m.ViewCount = t.keyed()
	case *method.ReSSL:
		m.Projector = nn.MLP{}
		_, m.ViewCount = t.keyed()
		m.Queue = t.queues(false)
	case *method.TiCo:
		m.Projector = nn.MLP{}
		m.Symmetric, m.ViewCount = t.keyed()
		if c.Has("in.covariance") {
			t.state["covariance"] = c.In("covariance") // C of the steps before, which no Forward can give
		}
		t.expectAfter("covariance_after", "covariance", 1)
	case *method.BYOL:
		m.Projector, m.Predictor = nn.MLP{}, nn.MLP{}
		m.Symmetric, m.ViewCount = t.predicted(false)
	case *method.NNBYOL:
		m.Projector, m.Predictor = nn.MLP{}, nn.MLP{}
		m.Symmetric, m.ViewCount = t.predicted(false)
		m.Queue = t.queues(false)
	case *method.SimSiam:
		m.Projector = nn.MLP{}
		m.Symmetric, m.ViewCount = t.predicted(true)
		m.Predictor = t.predictor()
	case *method.NNSiam:
		m.Projector = nn.MLP{}
		m.Symmetric, m.ViewCount = t.predicted(true)
		m.Predictor, m.Queue = t.predictor(), t.queues(true)
	case *method.NNCLR:
		m.Projector = nn.MLP{}
		m.Symmetric, m.ViewCount = t.predicted(true)
		m.Predictor, m.Queue = t.predictor(), t.queues(true)
	case *method.SwAV:
		m.Projector = nn.MLP{}
		if m.LargeCrops, m.SmallCrops, err = c.crops(t.each("z"), m.LargeCrops); err != nil {
			return nil, err
		}
		prototypes := c.In("prototypes") // K x d
		m.Prototypes, t.state["prototypes.weight"] = prototypes.Size(0), prototypes
		t.terms = func(z []torch.Tensor, _ map[string]torch.Tensor) error {
			var wrong []error
			for i := range m.LargeCrops {
				codes := func() torch.Tensor { return m.CodesOf(i, z[i]) }
				wrong = append(wrong, c.expected(fmt.Sprintf("codes%d", i), codes))
			}
			return all(wrong...)
		}
	case *method.DeepClusterV2:
		m.Projector, m.Heads = nn.MLP{}, 0
		if m.LargeCrops, m.SmallCrops, err = c.crops(t.each("z"), m.LargeCrops); err != nil {
			return nil, err
		}
		for ; m.Heads == 0 || c.Has(fmt.Sprintf("in.prototypes%d", m.Heads)); m.Heads++ {
			prototypes := c.In(fmt.Sprintf("prototypes%d", m.Heads)) // K x d
			at := fmt.Sprintf("clusters.%d.", m.Heads)
			m.Prototypes, t.state[at+"prototypes"] = prototypes.Size(0), prototypes
			t.state[at+"assignments"] = c.In(fmt.Sprintf("assignments%d", m.Heads)) // N
		}
	case *method.DINO:
		return t, t.distilling(m)
	case *method.PAWS:
		m.Projector, m.Symmetric, m.SmallCrops = nn.MLP{}, false, 0
		t.views = [][]torch.Tensor{{t.input("anchors")}, {t.input("targets")}}
		t.support, t.labels = t.input("support"), c.In("support_labels")
		classes, each := t.labels.Size(1), t.labels.Size(0)/t.labels.Size(1)
		c.count("classes", &classes)
		c.count("support_per_class", &each)
		if !slices.Equal(t.labels.Shape(), []int{each * classes, classes}) {
			return nil, fmt.Errorf("the labels of the support have shape %v, for %d classes of %d images",
				t.labels.Shape(), classes, each)
		}
		t.terms = func(_ []torch.Tensor, reported map[string]torch.Tensor) error {
			return c.expected("me_max", reported["mean_entropy"].Neg)
		}
	case *method.SCAN:
		t.views = [][]torch.Tensor{{t.input("anchors")}, {t.input("neighbours")}}
		m.Heads, m.Classes = 1, t.head("anchors")
	case *method.SelfLabel:
		t.views = [][]torch.Tensor{{t.input("weak")}, {t.input("strong")}}
		m.Classes = t.head("weak")
		t.terms = func(_ []torch.Tensor, reported map[string]torch.Tensor) error {
			share := reported["confident"]
			delete(reported, "confident") // the case has one per row
			if !c.Has("out.confident") {
				return nil
			}
			return c.near("confident", share, c.Out("confident").To(torch.F64).Mean())
		}
	default:
		return nil, skip(fmt.Sprintf("method %q has no runner", name))
	}
	return t, nil
}
