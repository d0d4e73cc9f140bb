// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
)

// newMethod returns the method called name with the hyperparameters that the case has; the others keep their defaults.
func (c *Case) newMethod(name string) (parallax.Method, error) {
	entry, err := method.Find(name)
	if err != nil {
		return nil, skip(fmt.Sprintf("method %q is not built", name))
	}
	m := entry.New()
	switch m := m.(type) {
	case *method.SimCLR:
		c.number("temperature", &m.Temperature)
	case *method.SupCon:
		c.number("temperature", &m.Temperature)
		c.number("base_temperature", &m.BaseTemperature)
		if c.HasParam("variant") {
			switch variant := c.Text("variant"); {
			case strings.Contains(variant, "inside"):
				m.Form = "in"
			case !strings.Contains(variant, "outside"):
				return nil, skip(fmt.Sprintf("variant %q of supcon is not built", variant))
			}
		}
	case *method.DCL:
		c.number("temperature", &m.Temperature)
		c.number("sigma", &m.Sigma)
	case *method.DirectCLR:
		c.number("temperature", &m.Temperature)
		c.count("dimensions", &m.Dimensions)
	case *method.MoCo:
		if c.Text("method") == "moco" {
			c.Number("temperature") // it is needed: the versions have different ones
		}
		c.number("temperature", &m.Temperature)
		m.Symmetric = false
	case *method.MoCoV3:
		c.number("temperature", &m.Temperature)
	case *method.NNCLR:
		c.number("temperature", &m.Temperature)
	case *method.ReSSL:
		c.number("temperature_student", &m.StudentTemperature)
		c.number("temperature_teacher", &m.TeacherTemperature)
	case *method.DINO:
		c.number("temperature_student", &m.StudentTemperature)
		c.number("temperature_teacher", &m.TeacherTemperature)
		c.number("center_momentum", &m.CentreMomentum)
	case *method.SwAV:
		c.number("temperature", &m.Temperature)
		c.number("epsilon", &m.Epsilon)
		c.count("iterations", &m.SinkhornIterations)
	case *method.DeepClusterV2:
		c.number("temperature", &m.Temperature)
	case *method.PAWS:
		c.number("temperature", &m.Temperature)
		c.number("sharpen", &m.Sharpen)
		c.number("label_smoothing", &m.LabelSmoothing)
	case *method.SCAN:
		c.number("entropy_weight", &m.EntropyWeight)
	case *method.SelfLabel:
		c.number("threshold", &m.Threshold)
		m.Balance = c.TruthOr("balance", m.Balance)
	case *method.BarlowTwins:
		if c.Kind == "trajectory" {
			m.Lambda, m.Scale = 5e-3, 0.1 // only the case's note says so
		}
		c.number("lambda", &m.Lambda)
		c.number("scale", &m.Scale)
	case *method.VICReg:
		if c.Kind == "trajectory" {
			m.Variance = 50 // 25/50/1
		}
		c.vicTerms(&m.VICTerms)
	case *method.VIbCReg:
		c.vicTerms(&m.VICTerms)
		m.IterNorm = false // it is a layer of the projector; the embeddings of a case come after it
	case *method.WMSE:
		c.number("whitening_eps", &m.Eps)
	case *method.TiCo:
		c.number("beta", &m.Beta)
		c.number("rho", &m.Rho)
		m.CovarianceGradient = c.TruthOr("covariance_gradient", m.CovarianceGradient)
	case *method.LeJEPA:
		c.number("lambda", &m.Lambda)
		c.number("domain", &m.Domain)
		c.count("knots", &m.Knots)
	}
	return m, nil
}

// vicTerms reads the parameters that VICReg and VIbCReg share.
func (c *Case) vicTerms(v *method.VICTerms) {
	c.number("invariance", &v.Invariance)
	c.number("variance", &v.Variance)
	c.number("covariance", &v.Covariance)
	c.number("gamma", &v.Gamma)
	c.number("eps", &v.Eps)
}

// number sets *v to the parameter called name, if the case has it.
func (c *Case) number(name string, v *float64) {
	if c.HasParam(name) {
		*v = c.Number(name)
	}
}

// count is number for a whole number.
func (c *Case) count(name string, v *int) {
	if c.HasParam(name) {
		*v = c.Int(name)
	}
}
