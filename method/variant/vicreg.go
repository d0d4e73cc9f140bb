// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/torch"
)

// WithVICReg adds VICReg's variance and covariance terms to the loss of a method whose Forward returns the embeddings
// of all views and then their predictions (VICReg, table 4): µ (v(zᴬ) + v(zᴮ)) + ν (c(zᴬ) + c(zᴮ)). With more than two
// views the sums are twice the means. All views get the gradient of the terms.
type WithVICReg struct {
	parallax.Method
	Variance   float64 // µ
	Covariance float64 // ν
}

// vicTerms has the settings of the variance term in VICReg's own experiments.
var vicTerms = method.NewVICReg().VICTerms

// Unwrap returns the method inside.
func (m *WithVICReg) Unwrap() parallax.Method { return m.Method }

// Loss is the sum of the method's loss and the terms.
func (m *WithVICReg) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	loss := m.Method.Loss(s, z)
	z, _ = part.Halves(z)
	z = part.Gather(s, z)
	variance, covariance := part.Over(z, vicTerms.VarianceTerm).Scale(2), part.Over(z, method.CovarianceTerm).Scale(2)
	s.Report("variance", variance)
	s.Report("covariance", covariance)
	return loss.Add(variance.Scale(m.Variance).Add(covariance.Scale(m.Covariance)))
}

// Collapsed adds the variance term of a constant embedding to the loss of the collapsed method.
func (m *WithVICReg) Collapsed(batch int) parallax.Collapsed {
	var c parallax.Collapsed
	if inner, ok := parallax.As[parallax.Collapser](m.Method); ok {
		c = inner.Collapsed(batch)
	}
	if more := 2 * m.Variance * vicTerms.VarianceOfConstant(); more != 0 {
		c.Value.Value += more
		c.Minimum, c.SeesLength = false, true
	}
	return c
}
