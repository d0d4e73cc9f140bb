// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"github.com/parallax-ssl/parallax"
)

// This file and collapsed_statistics.go hold, for every method, its loss when all embeddings are the same, and what usually leads
// there: here of comparisons between embeddings, there of statistics and clusters. What is said of causes comes from the ablations
// of the methods' own papers.

// minimum is a loss that cannot be less than when the embeddings are all the same.
func minimum(loss float64, causes string) parallax.Collapsed {
	return parallax.Collapsed{Loss: loss, Known: true, Minimum: true, Causes: causes}
}

// chance is a loss that is what a network reaches that learns nothing.
func chance(loss float64, causes string) parallax.Collapsed {
	return parallax.Collapsed{Loss: loss, Known: true, Causes: causes}
}

// leastAtZero is a loss that is never negative.
func leastAtZero(loss float64, causes string) parallax.Collapsed {
	return parallax.Collapsed{Loss: loss, Known: true, Minimum: loss == 0, Causes: causes}
}

// contrastive is a loss of 1/τ times cosines with negatives, or without them.
func contrastive(loss float64, negatives bool, temperature float64) parallax.Collapsed {
	if !negatives {
		return minimum(-1/temperature, "without negatives nothing pushes embeddings apart")
	}
	return chance(loss, "a temperature that is far too high, a learning rate that is too high, or views that share no content, so that no image can be told from the others")
}

// Collapsed has all 2N views alike: each is one of 2N-1 that look the same.
func (m *SimCLR) Collapsed(batch int) parallax.Collapsed {
	v := float64(m.ViewCount)
	return contrastive(math.Log((v*float64(batch)-1)/(v-1)), m.Negatives, m.Temperature)
}

// Collapsed is SimCLR's; in the form in it depends on how many images of the batch are of one class. Healthy embeddings of ten
// classes had a participation ratio of 1.9 on CIFAR-10.
func (m *SupCon) Collapsed(batch int) parallax.Collapsed {
	c := contrastive(math.Log(float64(m.ViewCount*batch-1)), m.Negatives, m.Temperature)
	c.Known = m.Form == "out" || !m.Negatives
	c.FewDirections = true
	return c
}

// Collapsed has the 2N-2 views of other images in the sum.
func (m *DCL) Collapsed(batch int) parallax.Collapsed {
	return contrastive(math.Log(float64(m.ViewCount*(batch-1))), m.Negatives, m.Temperature)
}

// Collapsed has K+1 keys that are the same, once the queue holds them.
func (m *MoCo) Collapsed(int) parallax.Collapsed {
	c := contrastive(math.Log(float64(1+m.Queue)), m.Negatives, m.Temperature)
	if m.Negatives {
		c.Causes = "a key encoder that moves too fast (method.target_momentum), so that the queue's keys are no longer comparable, or batch norm that tells which images are of one batch (method.shuffle_groups)"
	}
	return c
}

// Collapsed has N keys that are the same, in each direction.
func (m *MoCoV3) Collapsed(batch int) parallax.Collapsed {
	directions := 1.0
	if m.Symmetric {
		directions = 2
	}
	if !m.Negatives {
		return minimum(-2*directions, "without negatives all rests on the predictor and on a key encoder that moves slowly")
	}
	c := contrastive(2*directions*m.Temperature*math.Log(float64(batch)), true, m.Temperature)
	c.Causes = "a learning rate that is too high: the paper found that a ViT's first layer becomes unstable (method.freeze_patches)"
	return c
}

// Collapsed has N predictions that are the same.
func (m *NNCLR) Collapsed(batch int) parallax.Collapsed {
	return contrastive(math.Log(float64(batch)), m.Negatives, m.Temperature)
}

// Collapsed is the minimum of cosines, and the variance term of a constant where there is one; of a cross-entropy between softmaxes it is that of any one-hot softmax, which is never reached.
func (m *SimSiam) Collapsed(int) parallax.Collapsed {
	loss := 2 * m.Variance * vicTerms.lackingOfConstant()
	c := minimum(loss-1, "no stop-gradient (method.stop_gradient), no predictor (method.predictor_mode), or one that learns more slowly than the encoder (method.predictor_rate)")
	c.Known, c.Minimum, c.SeesLength = m.Similarity == "cosine", loss == 0, loss != 0
	return c
}

// Collapsed is SimSiam's: a neighbour is one more embedding.
func (m *NNSiam) Collapsed(int) parallax.Collapsed {
	return minimum(-1, "no predictor (method.predictor_mode), or one that learns more slowly than the encoder (method.predictor_rate)")
}

// byolCauses is what BYOL and its variant with neighbours collapse by.
const byolCauses = "no predictor (method.predictor_mode), a target that the loss trains, too, or follows at once (method.target_momentum), or a network without normalisation that was not started as batch norm would"

// Collapsed is the minimum: the prediction is exact.
func (m *BYOL) Collapsed(int) parallax.Collapsed { return minimum(0, byolCauses) }

// Collapsed is BYOL's.
func (m *NNBYOL) Collapsed(int) parallax.Collapsed { return minimum(0, byolCauses) }
