// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// alternating refuses what asks for a gradient through targets, where an older network gives them.
func (m *SimSiam) alternating() error {
	if m.TargetEvery > 1 && (!m.StopGradient || m.Variance != 0 || m.Covariance != 0) {
		return fmt.Errorf("method.target_every is %d: an older network gives the targets, so leave method.stop_gradient on, and method.variance and method.covariance at 0", m.TargetEvery)
	}
	return nil
}

// spread is µ (v(z₁) + v(z₂)) + ν (c(z₁) + c(z₂)), VICReg's terms without its invariance. Their gradient goes through both views.
func (m *SimSiam) spread(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z = gather(s, z)
	variance, covariance := over(z, vicTerms.lacking).Scale(2), over(z, covarianceOf).Scale(2)
	s.Report("variance", variance)
	s.Report("covariance", covariance)
	return variance.Scale(m.Variance).Add(covariance.Scale(m.Covariance))
}

// vicTerms has what VICReg's variance term is made of in its own experiments.
var vicTerms = NewVICReg().VICTerms
