// SPDX-License-Identifier: Apache-2.0

package golden

import "parallax/eval"

// runClustering checks the scores of clusters against labels.
func runClustering(c *Case) error {
	scores, err := eval.ScoreClusters(c.In("clusters").Ints(), c.In("labels").Ints())
	if err != nil {
		return err
	}
	number := func(name string, got float64) error {
		return compareSlices(name, []float64{got}, c.Out(name).Float64s(), c.RTol, c.ATol)
	}
	return all(number("acc", scores.ACC), number("nmi", scores.NMI), number("ari", scores.ARI))
}
