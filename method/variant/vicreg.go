// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/torch"
)

// WithVICReg adds VICReg's terms, without its invariance, to the loss of a method that returns the embeddings of all
// views and then their predictions (VICReg, table 4): µ (v(z₁) + v(z₂)) + ν (c(z₁) + c(z₂)). Their gradient goes
// through both views.
type WithVICReg struct {
	parallax.Method
	Variance   float64 // µ
	Covariance float64 // ν
}

// vicTerms has what VICReg's variance term is made of in its own experiments.
var vicTerms = method.NewVICReg().VICTerms

// Unwrap returns the method inside.
func (m *WithVICReg) Unwrap() parallax.Method { return m.Method }

// Loss is the method's and the terms.
func (m *WithVICReg) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	loss := m.Method.Loss(s, z)
	z, _ = part.Halves(z)
	z = part.Gather(s, z)
	variance, covariance := part.Over(z, vicTerms.VarianceTerm).Scale(2), part.Over(z, method.CovarianceTerm).Scale(2)
	s.Report("variance", variance)
	s.Report("covariance", covariance)
	return loss.Add(variance.Scale(m.Variance).Add(covariance.Scale(m.Covariance)))
}

// Collapsed adds the variance term of a constant to what the method says of itself.
func (m *WithVICReg) Collapsed(batch int) parallax.Collapsed {
	var c parallax.Collapsed
	if inner, ok := parallax.As[parallax.Collapser](m.Method); ok {
		c = inner.Collapsed(batch)
	}
	if more := 2 * m.Variance * vicTerms.VarianceOfConstant(); more != 0 {
		c.Loss, c.Minimum, c.SeesLength = c.Loss+more, false, true
	}
	return c
}
