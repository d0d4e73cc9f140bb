// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"math"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/measure"
)

// runCollapse checks the measures of an embedding. The case's std lacks the factor √d, and its singular values are
// those of the uncentred matrix.
func runCollapse(c *Case) error {
	z := c.In("z")
	m := measure.Embedding(z)
	if eps := c.NumberOr("rankme_eps", collapse.RankEpsilon); eps != collapse.RankEpsilon {
		m.EffectiveRank, m.RankMe = collapse.EntropyRank(m.Spectrum, eps),
			collapse.EntropyRank(m.SpectrumUncentred, eps)
	}
	var wrong []error
	check := func(name string, got ...float64) {
		if c.Has("out." + name) {
			wrong = append(wrong, compareSlices(name, got, c.Out(name).Float64s(), c.RTol, c.ATol))
		}
	}
	check("std_normalized", m.Std/math.Sqrt(float64(z.Size(1))))
	check("mean_cosine", m.MeanCosine)
	check("effective_rank", m.EffectiveRank)
	check("rankme", m.RankMe)
	check("participation_ratio", m.ParticipationRatio)
	check("uniformity", measure.Uniformity(z, 2))
	check("singular_values", m.SpectrumUncentred...)
	if c.Has("out.alignment") {
		check("alignment", measure.Alignment(z, c.In("z_other_view")))
	}
	return all(wrong...)
}
