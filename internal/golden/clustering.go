// SPDX-License-Identifier: Apache-2.0

package golden

import "github.com/parallax-ssl/parallax/eval"

// runClustering checks the scores of clusters against labels.
func runClustering(c *Case) error {
	scores, err := eval.ScoreClusters(c.In("clusters").Ints(), c.In("labels").Ints())
	if err != nil {
		return err
	}
	number := func(name string, got float64) error {
		return compareSlices(name, []float64{got}, c.Out(name).Float64s(), c.RTol, c.ATol)
	}
	var wrong []error
	for _, score := range []struct {
		name string
		got  float64
	}{{"acc", scores.ACC}, {"nmi", scores.NMI}, {"ari", scores.ARI}} {
		if c.Has("out." + score.name) {
			wrong = append(wrong, number(score.name, score.got))
		}
	}
	return all(wrong...)
}
