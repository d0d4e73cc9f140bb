// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"math"

	"parallax/collapse"
)

// runCollapse checks what is measured of an embedding. The case's std lacks the factor √d, and its singular values are those
// of the matrix as it is.
func runCollapse(c *Case) error {
	z, other := c.In("z"), c.In("z_other_view")
	m := collapse.Measure(z)
	number := func(name string, got float64) error {
		return compareSlices(name, []float64{got}, c.Out(name).Float64s(), c.RTol, c.ATol)
	}
	return all(
		number("std_normalized", m.Std/math.Sqrt(float64(z.Size(1)))),
		number("mean_cosine", m.MeanCosine),
		number("effective_rank", m.EffectiveRank),
		number("rankme", m.RankMe),
		number("participation_ratio", m.ParticipationRatio),
		number("uniformity", collapse.Uniformity(z, 2)),
		number("alignment", collapse.Alignment(z, other)),
		compareSlices("singular_values", m.SpectrumUncentred, c.Out("singular_values").Float64s(), c.RTol, c.ATol),
	)
}
