// SPDX-License-Identifier: Apache-2.0

package golden

import "github.com/parallax-ssl/parallax/eval"

// runKNN checks the weighted kNN classifier.
func runKNN(c *Case) error {
	predictions, top1 := eval.KNN(c.In("train"), c.In("train_labels").Ints(), c.In("test"), c.In("test_labels").Ints(),
		c.Int("k"), c.Number("temperature"), c.Int("classes"))
	got := make([]float64, len(predictions))
	for i, p := range predictions {
		got[i] = float64(p)
	}
	return all(
		compareSlices("predictions", got, c.Out("predictions").Float64s(), 0, 0),
		compareSlices("top1", []float64{top1}, c.Out("top1").Float64s(), c.RTol, c.ATol),
	)
}
