// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"parallax"
)

// This file holds, for every method, its loss when all embeddings are the same, and what usually leads there. What is said of
// causes comes from the ablations of the methods' own papers.

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

// Collapsed is SimCLR's; in the form in it depends on how many images of the batch are of one class.
func (m *SupCon) Collapsed(batch int) parallax.Collapsed {
	c := contrastive(math.Log(float64(m.ViewCount*batch-1)), m.Negatives, m.Temperature)
	c.Known = m.Form == "out" || !m.Negatives
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

// Collapsed is the minimum of cosines; of a cross-entropy between softmaxes it is that of any one-hot softmax, which is never reached.
func (m *SimSiam) Collapsed(int) parallax.Collapsed {
	c := minimum(-1, "no stop-gradient (method.stop_gradient), no predictor (method.predictor_mode), or one that learns more slowly than the encoder (method.predictor_rate)")
	c.Known = m.Similarity == "cosine"
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

// Collapsed is every feature's (1 - 0)², since nothing correlates with a constant; without centring all correlations are 1 or -1.
func (m *BarlowTwins) Collapsed(int) parallax.Collapsed {
	d := float64(m.Projector.Out(m.encoder.Features))
	loss := m.OnDiagonal * d
	if !m.Centring {
		loss = m.Lambda * d * (d - 1)
	}
	c := leastAtZero(m.Scale*loss, "no diagonal term (method.on_diagonal) or no centring, which complete collapse needs, or no redundancy term (method.lambda), without which dimensions repeat each other")
	c.Known = !m.Centring || m.Deviation == "biased" // unbiased is 0 by 0
	return c
}

const vicCauses = "no variance term (method.variance), or one on the variance itself (method.hinge), whose slope vanishes near collapse; without the covariance term dimensions repeat each other"

// lackingOfConstant is v of a constant.
func (t *VICTerms) lackingOfConstant() float64 {
	if t.Hinge == "variance" {
		return math.Max(0, t.Gamma-t.Eps)
	}
	return math.Max(0, t.Gamma-math.Sqrt(t.Eps))
}

// Collapsed is the variance term of a constant: 25·0.99, and twice that in the paper's form.
func (m *VICReg) Collapsed(int) parallax.Collapsed {
	loss := m.Variance * m.lackingOfConstant()
	if m.Form == "paper" {
		loss *= 2
	}
	c := leastAtZero(loss, vicCauses)
	c.SeesLength = true
	return c
}

// Collapsed is VICReg's in the paper's form.
func (m *VIbCReg) Collapsed(int) parallax.Collapsed {
	c := leastAtZero(2*m.Variance*m.lackingOfConstant(), vicCauses)
	c.SeesLength = true
	return c
}

// Collapsed is the minimum without whitening. With it what little differs is blown up until it is all noise, whose cosines are
// 0; the euclidean distance is then that of noise and not that of the constant itself.
func (m *WMSE) Collapsed(int) parallax.Collapsed {
	if m.Whitening {
		c := chance(2, "slices with few more rows than there are features (method.slice), whose whitening amplifies noise")
		c.Known = m.Distance == "cosine"
		return c
	}
	c := minimum(0, "without whitening (method.whitening) nothing keeps embeddings apart")
	c.SeesLength = m.Distance == "euclidean"
	return c
}

// Collapsed is qᵀCq of the one direction that is left, of length 1.
func (m *TiCo) Collapsed(int) parallax.Collapsed {
	return leastAtZero(m.Rho, "too small a weight of the covariance contrast (method.rho)")
}

// Collapsed is the statistic of one point, which is least at 0: the embeddings' mean that a normal distribution has.
func (m *LeJEPA) Collapsed(batch int) parallax.Collapsed {
	loss, half := 0.0, m.Knots/2
	step := m.Domain / float64(half)
	for k := 0; k <= half; k++ {
		t := float64(k) * step
		phi := math.Exp(-t * t / 2)
		weight := 2 * step * phi
		if k == 0 || k == half {
			weight /= 2
		}
		loss += weight * (1 - phi) * (1 - phi)
	}
	c := leastAtZero(m.Lambda*float64(batch)*loss, "too small a weight of the Gaussian (method.lambda)")
	c.SeesLength = true
	return c
}

// Collapsed predicts codes that give all prototypes the same share, best by an embedding as far from each. Without Sinkhorn, and
// with hard codes, one prototype may win, and the loss may go to 0.
func (m *SwAV) Collapsed(int) parallax.Collapsed {
	c := chance(math.Log(float64(m.Prototypes)), "codes without equal shares (method.sinkhorn), an epsilon of the codes that is too large for their rows to differ (method.epsilon), or prototypes that move before the embeddings do (method.freeze_epochs)")
	c.Known = m.Sinkhorn && m.Codes == "soft"
	return c
}

// Collapsed has prototypes that are the same: k-means of one point.
func (m *DeepClusterV2) Collapsed(int) parallax.Collapsed {
	return chance(math.Log(float64(m.Prototypes)), "clusters that take nearly all images: more prototypes than the images have groups, or a learning rate that is too high")
}

// Collapsed is not determined: teacher and student may agree on one output, with a loss of 0, or on all alike, with ln K.
func (m *DINO) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "no centring (method.centring), and one output wins; no sharpening (method.sharpening) or too high a teacher's temperature, and outputs become uniform; or a teacher that follows at once (method.target_momentum)"}
}

// Collapsed relates every image alike to a queue of one point.
func (m *ReSSL) Collapsed(int) parallax.Collapsed {
	return chance(math.Log(float64(m.Queue)), "a teacher that is no sharper than the student (method.teacher_temperature), or follows it at once (method.target_momentum)")
}

// Collapsed is not determined: the classes are the data's.
func (m *PAWS) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "targets that are not sharpened (method.sharpen), or no term for the mean prediction (method.me_max)"}
}

// Collapsed gives every image all clusters alike, which is the best for a weight of the entropy from 2 on. With less of it one
// cluster may be better.
func (m *SCAN) Collapsed(int) parallax.Collapsed {
	c := chance((1-m.EntropyWeight)*math.Log(float64(m.Classes)), "too small a weight of the entropy (method.entropy_weight), and one cluster takes all; or neighbours that say nothing of classes, from a pretext task that learnt little")
	c.Known = m.EntropyWeight >= 2
	return c
}

// Collapsed is not determined: it depends on how sure the network is.
func (m *SelfLabel) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "clusters of the stage before that take nearly all images, or a threshold that only few of them pass (method.threshold)"}
}
